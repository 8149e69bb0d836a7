package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"

	"drydock/final/client"
)

type execOptions struct {
	detach, interactive, tty, privileged bool
	env, envFile                         []string
	user, workdir, detachKeys            string
}

func (a *App) execCommand() *cobra.Command {
	var o execOptions
	cmd := &cobra.Command{
		Use:                   "exec [OPTIONS] CONTAINER COMMAND [ARG...]",
		Short:                 "Execute a command in a running container",
		Args:                  atLeast(2),
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, args []string) error { return a.exec(cmd.Context(), &o, args) },
	}
	f := cmd.Flags()
	f.SetInterspersed(false)
	f.BoolVarP(&o.detach, "detach", "d", false, "Detached mode: run command in the background")
	f.BoolVarP(&o.interactive, "interactive", "i", false, "Keep STDIN open even if not attached")
	f.BoolVarP(&o.tty, "tty", "t", false, "Allocate a pseudo-TTY")
	f.BoolVar(&o.privileged, "privileged", false, "Give extended privileges to the command")
	f.VarP(many("list", &o.env, variable), "env", "e", "Set environment variables")
	f.Var(list(&o.envFile), "env-file", "Read in a file of environment variables")
	f.StringVarP(&o.user, "user", "u", "", `Username or UID (format: "<name|uid>[:<group|gid>]")`)
	f.StringVarP(&o.workdir, "workdir", "w", "", "Working directory inside the container")
	f.StringVar(&o.detachKeys, "detach-keys", "", "Override the key sequence for detaching a container")
	return cmd
}

func (a *App) exec(ctx context.Context, o *execOptions, args []string) error {
	if o.tty && o.interactive && !isTerminal(a.In) {
		return &statusError{1, errors.New("the input device is not a TTY")}
	}
	env, err := lines(o.envFile, o.env, here)
	if err != nil {
		return err
	}
	id, err := a.client.ExecCreate(ctx, args[0], container.ExecCreateRequest{
		User: o.user, Privileged: o.privileged, Tty: o.tty, WorkingDir: o.workdir, Env: env, Cmd: args[1:],
		AttachStdin: o.interactive && !o.detach, AttachStdout: !o.detach, AttachStderr: !o.detach,
		DetachKeys: o.detachKeys, ConsoleSize: a.consoleSize(o.tty),
	})
	if err != nil {
		return &statusError{1, err}
	}
	if o.detach {
		return a.client.ExecDetached(ctx, id)
	}
	return a.execAttached(ctx, o, id)
}

// execAttached starts the prepared exec with our streams.
func (a *App) execAttached(ctx context.Context, o *execOptions, id string) error {
	session := &session{app: a, input: o.interactive, raw: o.interactive && o.tty}
	err := session.join(o.detachKeys, func() (*client.Conn, error) {
		return a.client.ExecStart(ctx, id, container.ExecStartRequest{Tty: o.tty, ConsoleSize: a.consoleSize(o.tty)})
	})
	if err != nil {
		return err
	}
	defer session.Close()
	if err := session.Start(ctx); err != nil {
		return err
	}
	if o.tty {
		defer a.followSize(func(rows, columns uint16) { a.client.ExecResize(context.Background(), id, rows, columns) })()
	}
	streamErr := session.Wait()
	if errors.Is(streamErr, errLeft) {
		return streamErr
	}
	got, err := a.client.ExecInspect(ctx, id)
	switch {
	case err != nil:
		return err
	case got.ExitCode == nil:
		return fmt.Errorf("the engine does not know how the command ended")
	case *got.ExitCode != 0:
		return &statusError{code: *got.ExitCode, err: streamErr}
	}
	return streamErr
}

// consoleSize is the size of our terminal, for a process that gets one.
func (a *App) consoleSize(tty bool) *[2]uint {
	rows, columns, ok := terminalSize(a.Out)
	if !tty || !ok {
		return nil
	}
	return &[2]uint{uint(rows), uint(columns)}
}
