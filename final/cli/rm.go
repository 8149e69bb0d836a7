package cli

import (
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"drydock/final/client"
)

func (a *App) rmCommand() *cobra.Command {
	var force, volumes bool
	cmd := &cobra.Command{
		Use:                   "rm [OPTIONS] CONTAINER [CONTAINER...]",
		Short:                 "Remove one or more containers",
		Args:                  atLeast(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.eachAtOnce(args, func(name string) error {
				err := a.client.Remove(cmd.Context(), name, force, volumes)
				if force && client.Status(err) == http.StatusNotFound {
					fmt.Fprintln(a.Err, err) // said, but what is not there is removed
					return errAlready
				}
				return err
			})
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&force, "force", "f", false, "Force the removal of a running container (uses SIGKILL)")
	f.BoolVarP(&volumes, "volumes", "v", false, "Remove anonymous volumes associated with the container")
	return cmd
}
