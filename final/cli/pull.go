package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"drydock/05-registry/auth"
)

func (a *App) pullCommand() *cobra.Command {
	var quiet bool
	var platform string
	cmd := &cobra.Command{
		Use:                   "pull [OPTIONS] NAME[:TAG|@DIGEST]",
		Short:                 "Download an image from a registry",
		Args:                  exactly(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			out := a.Out
			if quiet {
				out = nil
			}
			if err := lowercase(args[0]); err != nil {
				return err
			}
			if withTag(args[0]) != args[0] && !quiet {
				fmt.Fprintln(a.Out, "Using default tag: latest")
			}
			if err := a.pull(cmd.Context(), args[0], platform, out); err != nil {
				return err
			}
			fmt.Fprintln(a.Out, canonical(withTag(args[0])))
			return nil
		},
	}
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "Suppress verbose output")
	cmd.Flags().StringVar(&platform, "platform", "", "Set platform if server is multi-platform capable")
	return cmd
}

// pull fetches an image and draws how far it is on out.
func (a *App) pull(ctx context.Context, reference, platform string, out *os.File) error {
	header, err := authorization(reference)
	if err != nil {
		return err
	}
	stream, err := a.client.Pull(ctx, withTag(reference), platform, header)
	if err != nil {
		return err
	}
	defer stream.Close()
	return show(stream, out, nil)
}

// authorization is what `docker login` left for the registry of reference.
func authorization(reference string) (string, error) {
	host := registryOf(reference)
	config, err := auth.Load(auth.Path())
	if err != nil {
		return "", err
	}
	credentials, err := config.Get(host)
	if err != nil || credentials == (auth.Credentials{}) {
		return "", err
	}
	return auth.EncodeHeader(host, credentials), nil
}

// registryOf is the host in front of a reference, docker.io without one.
func registryOf(reference string) string {
	first, _, has := strings.Cut(reference, "/")
	if has && (strings.ContainsAny(first, ".:") || first == "localhost") {
		return first
	}
	return "docker.io"
}

// canonical is the full name of reference: host and library included.
func canonical(reference string) string {
	if registryOf(reference) != "docker.io" || strings.HasPrefix(reference, "docker.io/") {
		return reference
	}
	if !strings.Contains(reference, "/") {
		reference = "library/" + reference
	}
	return "docker.io/" + reference
}

func (a *App) pushCommand() *cobra.Command {
	var all, quiet bool
	cmd := &cobra.Command{
		Use:                   "push [OPTIONS] NAME[:TAG]",
		Short:                 "Upload an image to a registry",
		Args:                  exactly(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.push(cmd.Context(), args[0], all, quiet)
		},
	}
	cmd.Flags().BoolVarP(&all, "all-tags", "a", false, "Push all tags of an image to the repository")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "Suppress verbose output")
	return cmd
}

// push uploads one tag of a repository, or all of them.
func (a *App) push(ctx context.Context, reference string, all, quiet bool) error {
	name, tag := cutTag(reference)
	switch {
	case all && tag != "":
		return errors.New("tag can't be used with --all-tags/-a")
	case !all && tag == "":
		tag = "latest"
		if !quiet {
			fmt.Fprintln(a.Out, "Using default tag: latest")
		}
	}
	header, err := authorization(name)
	if err != nil {
		return err
	}
	stream, err := a.client.Push(ctx, name, tag, header)
	if err != nil {
		return err
	}
	defer stream.Close()
	if !quiet {
		return show(stream, a.Out, nil)
	}
	if err := show(stream, nil, nil); err != nil {
		return err
	}
	fmt.Fprintln(a.Out, canonical(name+tagged(tag)))
	return nil
}

// tagged is a tag as it stands behind a name.
func tagged(tag string) string {
	if tag == "" {
		return ""
	}
	return ":" + tag
}

// cutTag splits "name:tag"; the colon of a registry's port is none of a tag.
func cutTag(reference string) (name, tag string) {
	if i := strings.LastIndexByte(reference, ':'); i > strings.LastIndexByte(reference, '/') {
		return reference[:i], reference[i+1:]
	}
	return reference, ""
}

// lowercase refuses the one mistake in a reference that everybody makes, in
// Docker's words; the rest of the grammar is the daemon's.
func lowercase(reference string) error {
	name, _ := cutTag(reference)
	path := strings.TrimPrefix(canonical(name), registryOf(name)+"/")
	if path == strings.ToLower(path) || strings.Contains(name, "@") {
		return nil
	}
	return fmt.Errorf("invalid reference format: repository name (%s) must be lowercase", path)
}

// withTag is the reference with the tag that it means without one.
func withTag(reference string) string {
	if _, tag := cutTag(reference); tag != "" || strings.Contains(reference, "@") {
		return reference
	}
	return reference + ":latest"
}
