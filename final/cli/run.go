package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"drydock/final/client"
)

// runOptions are the flags of run alone.
type runOptions struct {
	createOptions
	detach     bool
	sigProxy   bool
	detachKeys string
}

func (a *App) runCommand() *cobra.Command {
	var o runOptions
	cmd := &cobra.Command{
		Use:                   "run [OPTIONS] IMAGE [COMMAND] [ARG...]",
		Short:                 "Create and run a new container from an image",
		Args:                  atLeast(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd, &o, args)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.detach, "detach", "d", false, "Run container in background and print container ID")
	f.BoolVar(&o.sigProxy, "sig-proxy", true, "Proxy received signals to the process")
	f.StringVar(&o.detachKeys, "detach-keys", "", "Override the key sequence for detaching a container")
	o.register(f)
	return cmd
}

// run creates, attaches, starts and waits, in this order: whoever attached
// after the start would miss output.
func (a *App) run(cmd *cobra.Command, o *runOptions, args []string) error {
	ctx := cmd.Context()
	if o.detach && len(o.attach) > 0 {
		return errors.New("conflicting options: cannot specify both --attach and --detach")
	}
	request, err := o.request(cmd.Flags(), args)
	if err != nil {
		return engineFault(cmd, err)
	}
	o.streams(o.detach)
	if request.Tty && request.AttachStdin && !isTerminal(a.In) {
		return &statusError{1, errors.New("the input device is not a TTY")}
	}
	if rows, columns, ok := terminalSize(a.Out); ok && request.Tty {
		request.HostConfig.ConsoleSize = [2]uint{uint(rows), uint(columns)}
	}
	id, err := a.create(ctx, &o.createOptions, request)
	if err != nil {
		return engineFault(cmd, err)
	}
	if o.detach {
		if err := a.client.Start(ctx, id, ""); err != nil {
			return startFault(cmd, err)
		}
		fmt.Fprintln(a.Out, id)
		return nil
	}
	return a.runAttached(cmd, o, id)
}

// runAttached is the run of a container whose streams are ours.
func (a *App) runAttached(cmd *cobra.Command, o *runOptions, id string) error {
	c := &o.config
	ctx, stop := a.proxySignals(cmd.Context(), id, o.sigProxy && !c.Tty)
	defer stop()
	session, err := a.attach(ctx, id, o.detachKeys, c)
	if err != nil {
		return engineFault(cmd, err)
	}
	defer session.Close()
	exits, err := a.client.Wait(ctx, id, nextExit(&o.host))
	if err != nil {
		return engineFault(cmd, err)
	}
	if err := session.Start(ctx); err != nil {
		return engineFault(cmd, err)
	}
	if err := a.client.Start(ctx, id, o.detachKeys); err != nil {
		session.Restore()
		if o.host.AutoRemove {
			<-exits // the engine removes it by itself
		}
		return startFault(cmd, err)
	}
	defer a.followContainer(id, c.Tty)()
	err = outcome(session, exits)
	if errors.Is(err, errLeft) {
		return nil
	}
	return err
}

// outcome waits for the streams to end, then for the exit status. It is
// errLeft when the user went away and the container runs on.
func outcome(session *session, exits <-chan client.Exit) error {
	if err := session.Wait(); errors.Is(err, errLeft) {
		return err
	}
	return exited(<-exits)
}

// exited makes the program's exit status ours.
func exited(e client.Exit) error {
	if e.Err != nil || e.Code != 0 {
		return &statusError{e.Code, e.Err}
	}
	return nil
}

// startFault finds Docker's exit status in the words of a start that failed:
// 127 when there is no such program, 126 when it cannot be executed.
func startFault(cmd *cobra.Command, err error) error {
	text := err.Error()
	code := 125
	switch {
	case containsAny(text, "executable file not found", "no such file or directory"):
		code = 127
	case containsAny(text, syscall.EACCES.Error(), syscall.EISDIR.Error()):
		code = 126
	}
	return &statusError{code, fmt.Errorf("drydock: %w\n\nRun '%s --help' for more information", err, cmd.CommandPath())}
}

func containsAny(text string, parts ...string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(text, p) })
}
