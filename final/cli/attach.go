package cli

import (
	"context"
	"errors"

	"github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"
)

// attachOptions are the flags of attach.
type attachOptions struct {
	noStdin, sigProxy bool
	detachKeys        string
}

func (a *App) attachCommand() *cobra.Command {
	var o attachOptions
	cmd := &cobra.Command{
		Use:                   "attach [OPTIONS] CONTAINER",
		Short:                 "Attach local standard input, output, and error streams to a running container",
		Args:                  exactly(1),
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, args []string) error { return a.attachRunning(cmd.Context(), &o, args[0]) },
	}
	f := cmd.Flags()
	f.BoolVar(&o.noStdin, "no-stdin", false, "Do not attach STDIN")
	f.BoolVar(&o.sigProxy, "sig-proxy", true, "Proxy all received signals to the process")
	f.StringVar(&o.detachKeys, "detach-keys", "", "Override the key sequence for detaching a container")
	return cmd
}

// attachRunning joins a container that runs, until it ends or the user goes.
func (a *App) attachRunning(ctx context.Context, o *attachOptions, ref string) error {
	got, err := a.client.Inspect(ctx, ref)
	if err != nil {
		return err
	}
	if err := attachable(got.State); err != nil {
		return err
	}
	streams := allStreams(got.Config, !o.noStdin)
	if streams.Tty && streams.AttachStdin && !isTerminal(a.In) {
		return errors.New("the input device is not a TTY")
	}
	ctx, stop := a.proxySignals(ctx, got.ID, o.sigProxy && !streams.Tty)
	defer stop()
	exits, err := a.client.Wait(ctx, got.ID, "not-running")
	if err != nil {
		return err
	}
	session, err := a.attach(ctx, got.ID, o.detachKeys, streams)
	if err != nil {
		return err
	}
	defer session.Close()
	if err := session.Start(ctx); err != nil {
		return err
	}
	defer a.followContainer(got.ID, streams.Tty)()
	return outcome(session, exits)
}

// attachable says why nobody can attach, if nobody can.
func attachable(s *container.State) error {
	switch {
	case !s.Running:
		//lint:ignore ST1005 Docker's sentence
		return errors.New("You cannot attach to a stopped container, start it first")
	case s.Paused:
		//lint:ignore ST1005 Docker's sentence
		return errors.New("You cannot attach to a paused container, unpause it first")
	case s.Restarting:
		//lint:ignore ST1005 Docker's sentence
		return errors.New("You cannot attach to a restarting container, wait until it is running")
	}
	return nil
}

// allStreams asks for output, and for input where the container has one.
func allStreams(c *container.Config, input bool) *container.Config {
	return &container.Config{AttachStdin: input && c.OpenStdin, AttachStdout: true, AttachStderr: true, Tty: c.Tty}
}
