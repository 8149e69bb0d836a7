package cli

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
)

func (a *App) restartCommand() *cobra.Command {
	var signal string
	var seconds int
	cmd := &cobra.Command{
		Use:                   "restart [OPTIONS] CONTAINER [CONTAINER...]",
		Short:                 "Restart one or more containers",
		Args:                  atLeast(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			q := url.Values{}
			if cmd.Flags().Changed("timeout") || cmd.Flags().Changed("time") {
				q.Set("t", strconv.Itoa(seconds))
			}
			if signal != "" {
				q.Set("signal", signal)
			}
			return a.each(args, func(name string) error {
				err := a.client.Act(cmd.Context(), name, "restart", q)
				if err == nil {
					fmt.Fprintln(a.Out, name)
				}
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVarP(&signal, "signal", "s", "", "Signal to send to the container")
	f.IntVarP(&seconds, "timeout", "t", 0, "Seconds to wait before killing the container")
	alias(f, "timeout", "time")
	return cmd
}
