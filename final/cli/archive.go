package cli

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func (a *App) loadCommand() *cobra.Command {
	var input string
	var quiet bool
	cmd := &cobra.Command{
		Use:                   "load [OPTIONS]",
		Short:                 "Load an image from a tar archive or STDIN",
		Args:                  exactly(0),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			archive := a.In
			if input != "" {
				f, err := os.Open(input)
				if err != nil {
					return err
				}
				defer f.Close()
				archive = f
			} else if isTerminal(a.In) {
				return errors.New("requested load from stdin, but stdin is empty")
			}
			stream, err := a.client.Load(cmd.Context(), archive, quiet || !isTerminal(a.Out))
			if err != nil {
				return err
			}
			defer stream.Close()
			return show(stream, a.Out, nil)
		},
	}
	cmd.Flags().StringVarP(&input, "input", "i", "", "Read from tar archive file, instead of STDIN")
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "Suppress the load output")
	return cmd
}

func (a *App) saveCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:                   "save [OPTIONS] IMAGE [IMAGE...]",
		Short:                 "Save one or more images to a tar archive (streamed to STDOUT by default)",
		Args:                  atLeast(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if output == "" && isTerminal(a.Out) {
				return errors.New("cowardly refusing to save to a terminal. Use the -o flag or redirect")
			}
			stream, err := a.client.Save(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer stream.Close()
			if output == "" {
				_, err = io.Copy(a.Out, stream)
				return err
			}
			return writeWhole(output, stream)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "Write to a file, instead of STDOUT")
	return cmd
}

// writeWhole writes path, or leaves no half of it behind.
func writeWhole(path string, from io.Reader) (err error) {
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return fmt.Errorf("failed to save image: invalid output path: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".drydock-save-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if _, err = io.Copy(f, from); err != nil {
		return errors.Join(err, f.Close())
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func (a *App) importCommand() *cobra.Command {
	var changes []string
	var text, platform string
	cmd := &cobra.Command{
		Use:                   "import [OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
		Short:                 "Import the contents from a tarball to create a filesystem image",
		Args:                  atLeast(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{"fromSrc": {"-"}, "changes": changes}
			for name, value := range map[string]string{"message": text, "platform": platform} {
				if value != "" {
					q.Set(name, value)
				}
			}
			if len(args) > 1 {
				q.Set("repo", args[1])
			}
			archive := a.In
			if args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				archive = f
			}
			stream, err := a.client.Import(cmd.Context(), archive, q)
			if err != nil {
				return err
			}
			defer stream.Close()
			return show(stream, a.Out, nil)
		},
	}
	cmd.Flags().StringArrayVarP(&changes, "change", "c", nil, "Apply Dockerfile instruction to the created image")
	cmd.Flags().StringVarP(&text, "message", "m", "", "Set commit message for imported image")
	cmd.Flags().StringVar(&platform, "platform", "", "Set platform if server is multi-platform capable")
	return cmd
}
