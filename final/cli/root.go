// Package cli is the command drydock: docker's words and flags, one file a
// verb. It knows the API and nothing of how containers are made.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"drydock/final/client"
)

// An App is one run of the command line.
type App struct {
	In       *os.File
	Out, Err *os.File

	host   string
	client *client.Client
}

// Main runs the command line args (without the program's name) and returns
// its exit status, in Docker's numbers: 125 where the engine or the command
// line is at fault, 126 and 127 where the program of a container is, and the
// program's own status otherwise.
func Main(args []string, in, out, errOut *os.File) int {
	app := &App{In: in, Out: out, Err: errOut}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	root := app.root(args)
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if errors.Is(err, context.Canceled) {
		return 128 + int(syscall.SIGTERM)
	}
	return app.report(err)
}

// report prints err and finds the exit status in it.
func (a *App) report(err error) int {
	if err == nil {
		return 0
	}
	var status *statusError
	if !errors.As(err, &status) {
		status = &statusError{code: 1, err: err}
	}
	if status.err != nil {
		fmt.Fprintln(a.Err, status.err)
	}
	return status.code
}

// A statusError ends the program with a code of its own, silently when err is
// nil.
type statusError struct {
	code int
	err  error
}

func (e *statusError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

// root is the command without a verb. Only the verb that args ask for is
// built below it, or all of them when it is none: every flag of every verb
// would cost each start of the program a little.
func (a *App) root(args []string) *cobra.Command {
	root := &cobra.Command{
		Use:                   "drydock [OPTIONS] COMMAND [ARG...]",
		Short:                 "Build your own Docker: the engine made of eight chapters",
		SilenceUsage:          true,
		SilenceErrors:         true,
		TraverseChildren:      true,
		DisableFlagsInUseLine: true,
		CompletionOptions:     cobra.CompletionOptions{DisableDefaultCmd: true},
		Args:                  noVerb,
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SetOut(a.Err) // asked for nothing: the help is no result
			return cmd.Help()
		},
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.connect() },
	}
	root.PersistentFlags().Bool("help", false, "Print usage") // without -h, which is run's --hostname
	root.PersistentFlags().Lookup("help").Hidden = true
	root.SetHelpCommand(&cobra.Command{Hidden: true})
	root.SetHelpFunc(help)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &statusError{125, fmt.Errorf("%w\n\nUsage:  %s\n\nRun '%s --help' for more information", err, cmd.UseLine(), cmd.CommandPath())}
	})
	root.Flags().StringVarP(&a.host, "host", "H", "", "Daemon socket to connect to (default $DOCKER_HOST, or unix:///run/drydock.sock)")
	a.addVerbs(root, args)
	return root
}

// noVerb refuses a word that is no verb.
func noVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	path := cmd.CommandPath()
	return &statusError{1, fmt.Errorf("drydock: unknown command: %s %s\n\nRun '%s --help' for more information", path, args[0], path)}
}

// help writes what docker's help looks like.
func help(cmd *cobra.Command, _ []string) {
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "\nUsage:  %s\n\n%s\n", cmd.UseLine(), cmd.Short)
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintln(out, "\nCommands:")
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			fmt.Fprintf(out, "  %-10s %s\n", sub.Name(), sub.Short)
		}
	}
	if flags := cmd.LocalFlags(); flags.HasAvailableFlags() {
		fmt.Fprintf(out, "\nOptions:\n%s", flags.FlagUsages())
	}
}

// connect prepares the client; nothing is sent yet.
func (a *App) connect() (err error) {
	host := a.host
	if host == "" {
		host = os.Getenv("DOCKER_HOST")
	}
	if host == "" {
		host = "unix:///run/drydock.sock"
	}
	a.client, err = client.New(host)
	if err != nil {
		return err
	}
	return nil
}

// atLeast and exactly check the number of arguments in Docker's words.
func atLeast(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= n {
			return nil
		}
		return wrongArguments(cmd, fmt.Sprintf("requires at least %d %s", n, plural("argument", n)), "See")
	}
}

func exactly(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == n:
			return nil
		case n == 0:
			return wrongArguments(cmd, "accepts no arguments", "Run")
		}
		return wrongArguments(cmd, fmt.Sprintf("requires %d %s", n, plural("argument", n)), "Run")
	}
}

func atMost(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		return wrongArguments(cmd, fmt.Sprintf("requires at most %d %s", n, plural("argument", n)), "Run")
	}
}

func between(low, high int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= low && len(args) <= high {
			return nil
		}
		return wrongArguments(cmd, fmt.Sprintf("requires at least %d and at most %d %s", low, high, plural("argument", high)), "Run")
	}
}

func wrongArguments(cmd *cobra.Command, what, look string) error {
	path := cmd.CommandPath()
	return &statusError{1, fmt.Errorf("drydock: '%s' %s\n\nUsage:  %s\n\n%s '%s --help' for more information", path, what, cmd.UseLine(), look, path)}
}

func plural(word string, n int) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

// each does one thing to several objects, prints what fails and goes on; it
// fails in the end if one did.
func (a *App) each(names []string, do func(name string) error) error {
	var failed []string
	for _, name := range names {
		if err := do(name); err != nil {
			failed = append(failed, err.Error())
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return errors.New(strings.Join(failed, "\n"))
}
