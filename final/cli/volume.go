package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/volume"
	"github.com/spf13/cobra"
)

// A volumeRow is one line of volume ls, as templates see it.
type volumeRow struct{ Driver, Labels, Mountpoint, Name, Scope string }

func (a *App) volumeLsCommand() *cobra.Command {
	var quiet bool
	var format string
	wanted := filters{}
	cmd := &cobra.Command{
		Use:                   "ls [OPTIONS]",
		Short:                 "List volumes",
		Args:                  exactly(0),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := a.client.Volumes(cmd.Context(), wanted)
			if err != nil {
				return err
			}
			slices.SortFunc(list, func(x, y volume.Volume) int { return strings.Compare(x.Name, y.Name) })
			rows := make([]volumeRow, len(list))
			for i, v := range list {
				rows[i] = volumeRow{v.Driver, labelList(v.Labels), v.Mountpoint, v.Name, v.Scope}
			}
			if quiet {
				format = "{{.Name}}"
			}
			return print(table{out: a.Out, format: format, columns: []column{{"DRIVER", "Driver"}, {"VOLUME NAME", "Name"}},
				more: []column{{"SCOPE", "Scope"}, {"MOUNTPOINT", "Mountpoint"}, {"LABELS", "Labels"}}}, rows)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&quiet, "quiet", "q", false, "Only display volume names")
	f.VarP(wanted.flag(), "filter", "f", `Provide filter values (e.g. "dangling=true")`)
	f.StringVar(&format, "format", "", "Format output using a custom template")
	return cmd
}

func (a *App) volumeCreateCommand() *cobra.Command {
	var request volume.CreateRequest
	var labels, options []string
	cmd := &cobra.Command{
		Use:                   "create [OPTIONS] [VOLUME]",
		Short:                 "Create a volume",
		Args:                  atMost(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				request.Name = args[0]
			}
			request.Labels, request.DriverOpts = pairs(labels), pairs(options)
			made, err := a.client.CreateVolume(cmd.Context(), request)
			if err == nil {
				fmt.Fprintln(a.Out, made.Name)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVarP(&request.Driver, "driver", "d", "local", "Specify volume driver name")
	f.Var(list(&labels), "label", "Set metadata for a volume")
	f.VarP(list(&options), "opt", "o", "Set driver specific options")
	return cmd
}

func (a *App) volumeRmCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:                   "rm [OPTIONS] VOLUME [VOLUME...]",
		Short:                 "Remove one or more volumes",
		Args:                  atLeast(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.each(args, func(name string) error {
				err := a.client.RemoveVolume(cmd.Context(), name, force)
				if err == nil {
					fmt.Fprintln(a.Out, name)
				}
				return err
			})
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "Force the removal of one or more volumes")
	return cmd
}
