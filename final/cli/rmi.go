package cli

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"drydock/final/client"
)

func (a *App) rmiCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:                   "rmi [OPTIONS] IMAGE [IMAGE...]",
		Short:                 "Remove one or more images",
		Args:                  atLeast(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.each(args, func(name string) error {
				removed, err := a.client.RemoveImage(cmd.Context(), name, force)
				if force && client.Status(err) == http.StatusNotFound {
					fmt.Fprintln(a.Err, err)
					return nil
				}
				for _, r := range removed {
					if r.Untagged != "" {
						fmt.Fprintln(a.Out, "Untagged:", r.Untagged)
					}
					if r.Deleted != "" {
						fmt.Fprintln(a.Out, "Deleted:", r.Deleted)
					}
				}
				return err
			})
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "Force removal of the image")
	return cmd
}

func (a *App) tagCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
		Short:                 "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
		Args:                  exactly(2),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := lowercase(args[1]); err != nil {
				return fmt.Errorf("Error parsing reference: %q is not a valid repository/tag: %w", args[1], err)
			}
			name, tag := cutTag(args[1])
			return a.client.Tag(cmd.Context(), args[0], name, orDefault(tag, "latest"))
		},
	}
}
