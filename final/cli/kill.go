package cli

import (
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

func (a *App) killCommand() *cobra.Command {
	var signal string
	cmd := &cobra.Command{
		Use:                   "kill [OPTIONS] CONTAINER [CONTAINER...]",
		Short:                 "Kill one or more running containers",
		Args:                  atLeast(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.eachAtOnce(args, func(name string) error { return a.client.Kill(cmd.Context(), name, signal) })
		},
	}
	cmd.Flags().StringVarP(&signal, "signal", "s", "", "Signal to send to the container")
	return cmd
}

// signalName is what the API calls a signal that we got.
func signalName(s os.Signal) string {
	if number, ok := s.(unix.Signal); ok {
		return unix.SignalName(number)
	}
	return s.String()
}
