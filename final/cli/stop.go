package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *App) stopCommand() *cobra.Command {
	var signal string
	var seconds int
	cmd := &cobra.Command{
		Use:                   "stop [OPTIONS] CONTAINER [CONTAINER...]",
		Short:                 "Stop one or more running containers",
		Args:                  atLeast(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			var timeout *int
			if cmd.Flags().Changed("timeout") || cmd.Flags().Changed("time") {
				timeout = &seconds
			}
			return a.eachAtOnce(args, func(name string) error { return a.client.Stop(cmd.Context(), name, signal, timeout) })
		},
	}
	f := cmd.Flags()
	f.StringVarP(&signal, "signal", "s", "", "Signal to send to the container")
	f.IntVarP(&seconds, "timeout", "t", 0, "Seconds to wait before killing the container")
	f.IntVar(&seconds, "time", 0, "Seconds to wait before killing the container")
	f.Lookup("time").Hidden = true
	return cmd
}

// errAlready marks an object for which there was nothing to do: it is no
// failure, and its name is not printed.
var errAlready = errors.New("nothing to do")

// eachAtOnce does one thing to several objects side by side and prints their
// names in the order in which they were given.
func (a *App) eachAtOnce(names []string, do func(name string) error) error {
	errs := make([]chan error, len(names))
	for i, name := range names {
		errs[i] = make(chan error, 1)
		go func() { errs[i] <- do(name) }()
	}
	i := -1
	return a.each(names, func(name string) error {
		i++
		err := <-errs[i]
		switch {
		case errors.Is(err, errAlready):
			return nil
		case err == nil:
			fmt.Fprintln(a.Out, name)
		}
		return err
	})
}
