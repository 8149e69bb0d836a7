package cli

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"
)

func (a *App) renameCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "rename CONTAINER NEW_NAME",
		Short:                 "Rename a container",
		Args:                  exactly(2),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			err := a.client.Act(cmd.Context(), args[0], "rename", url.Values{"name": {args[1]}})
			if err != nil {
				fmt.Fprintln(a.Err, err)
				return fmt.Errorf("Error: failed to rename container named %s", args[0])
			}
			return nil
		},
	}
}
