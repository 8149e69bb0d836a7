package cli

import (
	"context"
	"errors"

	"github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"
)

func (a *App) attachCommand() *cobra.Command {
	var noStdin, sigProxy bool
	var detachKeys string
	cmd := &cobra.Command{
		Use:                   "attach [OPTIONS] CONTAINER",
		Short:                 "Attach local standard input, output, and error streams to a running container",
		Args:                  exactly(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.attachRunning(cmd.Context(), args[0], detachKeys, noStdin, sigProxy)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&noStdin, "no-stdin", false, "Do not attach STDIN")
	f.BoolVar(&sigProxy, "sig-proxy", true, "Proxy all received signals to the process")
	f.StringVar(&detachKeys, "detach-keys", "", "Override the key sequence for detaching a container")
	return cmd
}

func (a *App) attachRunning(ctx context.Context, ref, detachKeys string, noStdin, sigProxy bool) error {
	got, err := a.client.Inspect(ctx, ref)
	switch {
	case err != nil:
		return err
	case !got.State.Running:
		return errors.New("You cannot attach to a stopped container, start it first") //lint:ignore ST1005 Docker's sentence
	case got.State.Paused:
		return errors.New("You cannot attach to a paused container, unpause it first") //lint:ignore ST1005 Docker's sentence
	}
	streams := &container.Config{
		AttachStdin:  !noStdin && got.Config.OpenStdin,
		AttachStdout: true,
		AttachStderr: true,
		Tty:          got.Config.Tty,
	}
	if streams.Tty && streams.AttachStdin && !isTerminal(a.In) {
		return errors.New("the input device is not a TTY")
	}
	ctx, stop := a.proxySignals(ctx, got.ID, sigProxy && !streams.Tty)
	defer stop()
	exits, err := a.client.Wait(ctx, got.ID, "not-running")
	if err != nil {
		return err
	}
	session, err := a.attach(ctx, got.ID, detachKeys, streams)
	if err != nil {
		return err
	}
	defer session.Close()
	if err := session.Start(ctx); err != nil {
		return err
	}
	if streams.Tty {
		defer a.followSize(func(rows, columns uint16) { a.client.Resize(context.Background(), got.ID, rows, columns) })()
	}
	return outcome(session, exits)
}
