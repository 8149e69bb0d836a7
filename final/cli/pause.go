package cli

import "github.com/spf13/cobra"

func (a *App) pauseCommand() *cobra.Command {
	return a.freezer("pause", "Pause all processes within one or more containers")
}

func (a *App) unpauseCommand() *cobra.Command {
	return a.freezer("unpause", "Unpause all processes within one or more containers")
}

func (a *App) freezer(verb, short string) *cobra.Command {
	return &cobra.Command{
		Use:                   verb + " CONTAINER [CONTAINER...]",
		Short:                 short,
		Args:                  atLeast(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.eachAtOnce(args, func(name string) error { return a.client.Act(cmd.Context(), name, verb, nil) })
		},
	}
}
