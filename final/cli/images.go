package cli

import (
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/image"
	"github.com/spf13/cobra"
)

func (a *App) imagesCommand() *cobra.Command {
	var all, quiet, noTrunc, digests bool
	var format string
	wanted := filters{}
	cmd := &cobra.Command{
		Use:                   "images [OPTIONS] [REPOSITORY[:TAG]]",
		Short:                 "List images",
		Args:                  atMost(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				wanted["reference"] = append(wanted["reference"], args[0])
			}
			list, err := a.client.Images(cmd.Context(), all, wanted)
			if err != nil {
				return err
			}
			var rows []imageRow
			for _, img := range list {
				rows = append(rows, imageRows(img, noTrunc, digests)...)
			}
			if quiet {
				format = "{{.ID}}"
			}
			return print(a.imageTable(format, digests), rows)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&all, "all", "a", false, "Show all images (default hides intermediate images)")
	f.BoolVarP(&quiet, "quiet", "q", false, "Only show image IDs")
	f.BoolVar(&noTrunc, "no-trunc", false, "Don't truncate output")
	f.BoolVar(&digests, "digests", false, "Show digests")
	f.VarP(wanted.flag(), "filter", "f", "Filter output based on conditions provided")
	f.StringVar(&format, "format", "", "Format output using a custom template")
	return cmd
}

func (a *App) imageTable(format string, digests bool) table {
	t := table{out: a.Out, format: format, columns: []column{{"REPOSITORY", "Repository"}, {"TAG", "Tag"}},
		more: []column{{"DIGEST", "Digest"}, {"CREATED AT", "CreatedAt"}, {"CONTAINERS", "Containers"}, {"SHARED SIZE", "SharedSize"}, {"UNIQUE SIZE", "UniqueSize"}}}
	if digests {
		t.columns = append(t.columns, column{"DIGEST", "Digest"})
	}
	t.columns = append(t.columns, column{"IMAGE ID", "ID"}, column{"CREATED", "CreatedSince"}, column{"SIZE", "Size"})
	return t
}

// An imageRow is one line of images, as templates see it.
type imageRow struct {
	Containers, CreatedAt, CreatedSince, Digest, ID, Repository string
	SharedSize, Size, Tag, UniqueSize, VirtualSize              string
}

// imageRows are the lines of one image: one a name, or one without.
func imageRows(img image.Summary, noTrunc, digests bool) []imageRow {
	row := func(repository, tag, digest string) imageRow {
		id := img.ID
		if !noTrunc {
			id = short(id)
		}
		return imageRow{
			Repository: repository, Tag: tag, Digest: digest, ID: id,
			CreatedSince: ago(img.Created), CreatedAt: time.Unix(img.Created, 0).String(),
			Size:       units.HumanSizeWithPrecision(float64(img.Size), 3),
			Containers: "N/A", SharedSize: "N/A", UniqueSize: "N/A",
			VirtualSize: units.HumanSize(float64(img.Size)),
		}
	}
	const none = "<none>"
	digestOf := map[string]string{}
	for _, text := range img.RepoDigests {
		repository, digest, _ := strings.Cut(text, "@")
		digestOf[repository] = digest
	}
	var rows []imageRow
	for _, name := range img.RepoTags {
		i := strings.LastIndexByte(name, ':')
		if i < 0 || name == "<none>:<none>" {
			continue
		}
		rows = append(rows, row(name[:i], name[i+1:], orDefault(digestOf[name[:i]], none)))
		delete(digestOf, name[:i])
	}
	if len(rows) > 0 {
		return rows
	}
	for repository, digest := range digestOf {
		if digests || len(digestOf) == 1 {
			rows = append(rows, row(repository, none, digest))
		}
	}
	if len(rows) == 0 {
		rows = append(rows, row(none, none, none))
	}
	return rows
}
