package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

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
				return a.startAll(cmd.Context(), args)
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

// startAll starts one after another, says at once what fails, and names the
// failed ones at the end.
func (a *App) startAll(ctx context.Context, names []string) error {
	var failed []string
	for _, name := range names {
		if err := a.client.Start(ctx, name, ""); err != nil {
			fmt.Fprintln(a.Err, err)
			failed = append(failed, name)
			continue
		}
		fmt.Fprintln(a.Out, name)
	}
	if len(failed) == 0 {
		return nil
	}
	return fmt.Errorf("Error: failed to start containers: %s", strings.Join(failed, ", "))
}

// startAttached joins the streams, then starts, then waits.
func (a *App) startAttached(ctx context.Context, ref, detachKeys string, interactive bool) error {
	got, err := a.client.Inspect(ctx, ref)
	if err != nil {
		return err
	}
	streams := allStreams(got.Config, interactive)
	ctx, stop := a.proxySignals(ctx, got.ID, !streams.Tty)
	defer stop()
	session, err := a.attach(ctx, got.ID, detachKeys, streams)
	if err != nil {
		return err
	}
	defer session.Close()
	exits, err := a.client.Wait(ctx, got.ID, nextExit(got.HostConfig))
	if err != nil {
		return err
	}
	if err := session.Start(ctx); err != nil {
		return err
	}
	if err := a.client.Start(ctx, got.ID, detachKeys); err != nil {
		return err
	}
	defer a.followContainer(got.ID, streams.Tty)()
	if err := outcome(session, exits); !errors.Is(err, errLeft) {
		return err
	}
	return nil
}

// nextExit is what to wait for before a start: with --rm, that the container
// is gone.
func nextExit(h *container.HostConfig) string {
	if h.AutoRemove {
		return "removed"
	}
	return "next-exit"
}
