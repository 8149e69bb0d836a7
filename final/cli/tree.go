package cli

import (
	"errors"
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"
)

func (a *App) diffCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "diff CONTAINER",
		Short:                 "Inspect changes to files or directories on a container's filesystem",
		Args:                  exactly(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			changes, err := a.client.Changes(cmd.Context(), args[0])
			for _, c := range changes {
				fmt.Fprintln(a.Out, c.Kind, c.Path)
			}
			return err
		},
	}
}

func (a *App) exportCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:                   "export [OPTIONS] CONTAINER",
		Short:                 "Export a container's filesystem as a tar archive",
		Args:                  exactly(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if output == "" && isTerminal(a.Out) {
				return errors.New("cowardly refusing to save to a terminal. Use the -o flag or redirect")
			}
			stream, err := a.client.Export(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer stream.Close()
			if output != "" {
				return writeWhole(output, stream)
			}
			_, err = io.Copy(a.Out, stream)
			return err
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "Write to a file, instead of STDOUT")
	return cmd
}

func (a *App) commitCommand() *cobra.Command {
	var changes []string
	var author, message string
	var pause bool
	cmd := &cobra.Command{
		Use:                   "commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
		Short:                 "Create a new image from a container's changes",
		Args:                  between(1, 2),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{"container": {args[0]}, "author": {author}, "comment": {message}, "changes": changes}
			if !pause {
				q.Set("pause", "0")
			}
			if len(args) == 2 {
				name, tag := cutTag(args[1])
				q.Set("repo", name)
				q.Set("tag", tag)
			}
			id, err := a.client.Commit(cmd.Context(), q)
			if err == nil {
				fmt.Fprintln(a.Out, id)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.VarP(list(&changes), "change", "c", "Apply Dockerfile instruction to the created image")
	f.StringVarP(&author, "author", "a", "", `Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")`)
	f.StringVarP(&message, "message", "m", "", "Commit message")
	f.BoolVarP(&pause, "pause", "p", true, "Pause container during commit")
	return cmd
}
