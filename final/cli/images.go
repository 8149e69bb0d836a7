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
	var filterList []string
	var format string
	cmd := &cobra.Command{
		Use:                   "images [OPTIONS] [REPOSITORY[:TAG]]",
		Short:                 "List images",
		Args:                  atMost(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted, err := filters(filterList)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				wanted["reference"] = append(wanted["reference"], args[0])
			}
			list, err := a.client.Images(cmd.Context(), all, wanted)
			if err != nil {
				return err
			}
			var rows []any
			for _, img := range list {
				rows = append(rows, imageRows(img, noTrunc, digests)...)
			}
			if quiet {
				format = "{{.ID}}"
			}
			return a.imageTable(format, digests).Print(rows)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&all, "all", "a", false, "Show all images (default hides intermediate images)")
	f.BoolVarP(&quiet, "quiet", "q", false, "Only show image IDs")
	f.BoolVar(&noTrunc, "no-trunc", false, "Don't truncate output")
	f.BoolVar(&digests, "digests", false, "Show digests")
	f.StringArrayVarP(&filterList, "filter", "f", nil, "Filter output based on conditions provided")
	f.StringVar(&format, "format", "", "Format output using a custom template")
	return cmd
}

func (a *App) imageTable(format string, digests bool) table {
	t := table{out: a.Out, format: format, columns: []column{{"REPOSITORY", "Repository"}, {"TAG", "Tag"}},
		names: map[string]string{"Digest": "DIGEST", "CreatedAt": "CREATED AT"}}
	if digests {
		t.columns = append(t.columns, column{"DIGEST", "Digest"})
	}
	t.columns = append(t.columns, column{"IMAGE ID", "ID"}, column{"CREATED", "CreatedSince"}, column{"SIZE", "Size"})
	return t
}

// imageRows are the lines of one image: one a name, or one without.
func imageRows(img image.Summary, noTrunc, digests bool) []any {
	row := func(repository, tag, digest string) any {
		id := img.ID
		if !noTrunc {
			id = short(id)
		}
		return map[string]string{
			"Repository": repository, "Tag": tag, "Digest": digest, "ID": id,
			"CreatedSince": ago(img.Created), "CreatedAt": time.Unix(img.Created, 0).String(),
			"Size": units.HumanSizeWithPrecision(float64(img.Size), 3),
		}
	}
	const none = "<none>"
	digestOf := map[string]string{}
	for _, text := range img.RepoDigests {
		repository, digest, _ := strings.Cut(text, "@")
		digestOf[repository] = digest
	}
	var rows []any
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
