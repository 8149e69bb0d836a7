package cli

import (
	"context"
	"fmt"
	"io"
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
				null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
				if err != nil {
					return err
				}
				defer null.Close()
				out = null
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
			name, tag := args[0], ""
			if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
				name, tag = name[:i], name[i+1:]
			} else if !all {
				tag = "latest"
				fmt.Fprintln(a.Out, "Using default tag: latest")
			}
			header, err := authorization(name)
			if err != nil {
				return err
			}
			stream, err := a.client.Push(cmd.Context(), name, tag, header)
			if err != nil {
				return err
			}
			defer stream.Close()
			if !quiet {
				return show(stream, a.Out, nil)
			}
			if err := quietly(stream); err != nil {
				return err
			}
			fmt.Fprintln(a.Out, canonical(name+":"+tag))
			return nil
		},
	}
	cmd.Flags().BoolVarP(&all, "all-tags", "a", false, "Push all tags of an image to the repository")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "Suppress verbose output")
	return cmd
}

// quietly reads a stream for its error alone.
func quietly(stream io.Reader) error {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	return show(stream, null, nil)
}
