package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"
)

func (a *App) startCommand() *cobra.Command {
	var attach, interactive bool
	var detachKeys string
	cmd := &cobra.Command{
		Use:                   "start [OPTIONS] CONTAINER [CONTAINER...]",
		Short:                 "Start one or more stopped containers",
		Args:                  atLeast(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !attach && !interactive {
				return a.each(args, func(name string) error {
					err := a.client.Start(cmd.Context(), name, "")
					if err == nil {
						fmt.Fprintln(a.Out, name)
					}
					return err
				})
			}
			if len(args) > 1 {
				return errors.New("you cannot start and attach multiple containers at once")
			}
			return a.startAttached(cmd.Context(), args[0], detachKeys, interactive)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&attach, "attach", "a", false, "Attach STDOUT/STDERR and forward signals")
	f.BoolVarP(&interactive, "interactive", "i", false, "Attach container's STDIN")
	f.StringVar(&detachKeys, "detach-keys", "", "Override the key sequence for detaching a container")
	return cmd
}

// startAttached joins the streams, then starts, then waits.
func (a *App) startAttached(ctx context.Context, ref, detachKeys string, interactive bool) error {
	got, err := a.client.Inspect(ctx, ref)
	if err != nil {
		return err
	}
	streams := &container.Config{
		AttachStdin:  interactive && got.Config.OpenStdin,
		AttachStdout: true,
		AttachStderr: true,
		Tty:          got.Config.Tty,
	}
	session, err := a.attach(ctx, got.ID, detachKeys, streams)
	if err != nil {
		return err
	}
	defer session.Close()
	condition := "next-exit"
	if got.HostConfig.AutoRemove {
		condition = "removed"
	}
	exits, err := a.client.Wait(ctx, got.ID, condition)
	if err != nil {
		return err
	}
	if !streams.Tty {
		defer a.proxySignals(got.ID)()
	}
	if err := session.Start(); err != nil {
		return err
	}
	if err := a.client.Start(ctx, got.ID, detachKeys); err != nil {
		return err
	}
	if streams.Tty {
		defer a.followSize(func(rows, columns uint16) { a.client.Resize(context.Background(), got.ID, rows, columns) })()
	}
	return a.outcome(ctx, session, exits, got.ID)
}
