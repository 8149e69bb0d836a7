package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *App) waitCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "wait CONTAINER [CONTAINER...]",
		Short:                 "Block until one or more containers stop, then print their exit codes",
		Args:                  atLeast(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.each(args, func(name string) error {
				exits, err := a.client.Wait(cmd.Context(), name, "not-running")
				if err != nil {
					return err
				}
				exit := <-exits
				if exit.Err == nil {
					fmt.Fprintln(a.Out, exit.Code)
				}
				return exit.Err
			})
		},
	}
}
