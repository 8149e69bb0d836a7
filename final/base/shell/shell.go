package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// Variables by which a subshell knows itself. They live in the interpreter's
// scopes, so that each subshell has its own, and are never exported.
const (
	varSub   = "DRYDOCK_SUBSHELL" // set in ( ), $( ), a | b and background jobs
	varJob   = "DRYDOCK_JOB"      // the number of the background job we are in
	varLast  = "DRYDOCK_LAST_JOB" // what $! answers
	varUmask = "DRYDOCK_UMASK"    // the mask of this shell, in octal
)

// A shell is one interpreter and what the kernel knows of it.
//
// The interpreter runs subshells as goroutines. The main shell is the one that
// has no varSub; only it runs traps, and it does so between two commands, in
// wait, and while a program runs in the foreground.
type shell struct {
	runner *interp.Runner
	status int // of the last command, in an interactive or streamed shell

	arrived chan os.Signal // every signal that has a trap, and those that end us
	pending chan syscall.Signal

	// masked is held while the process has the umask of one subshell, for the
	// mask belongs to the whole process. It is taken after mu.
	masked sync.Mutex

	mu      sync.Mutex // guards everything below
	traps   map[syscall.Signal]string
	jobs    []*job
	entered map[string]chan *job // a background statement → its newest job
	sites   int                  // how many background statements were seen
	own     map[int]bool         // the programs that a command waits for
	cancel  context.CancelFunc   // ends the command that an interactive user waits for
}

// newShell makes a shell with options and parameters as `set` takes them.
func newShell(params []string) (*shell, error) {
	s := &shell{
		arrived: make(chan os.Signal, 16),
		pending: make(chan syscall.Signal, 16),
		traps:   map[syscall.Signal]string{},
		entered: map[string]chan *job{},
		own:     map[int]bool{},
	}
	r, err := interp.New(
		interp.StdIO(os.Stdin, os.Stdout, os.Stderr),
		interp.Params(params...),
		interp.CallHandler(s.call),
		interp.OpenHandler(s.open),
		interp.ExecHandlers(func(interp.ExecHandlerFunc) interp.ExecHandlerFunc { return s.exec }),
	)
	s.runner = r
	s.listen()
	return s, err
}

// isOwn tells which names the shell itself answers; the interpreter knows them
// as words but cannot perform them.
func isOwn(name string) bool {
	return slices.Contains([]string{"trap", "wait", "kill", "umask", "ulimit", "exec"}, name)
}

// call sees every simple command before it runs. It is where a trap gets its
// turn, and where our own builtins are told from the interpreter's.
func (s *shell) call(ctx context.Context, args []string) ([]string, error) {
	hc := interp.HandlerCtx(ctx)
	if j := s.jobOf(hc.Env); j != nil {
		if sig := s.killed(j); sig != 0 && args[0] != "exit" && args[0] != "sh:left" {
			return []string{"exit", itoa(128 + int(sig))}, nil
		}
	}
	if !hc.Env.Get(varSub).IsSet() {
		if text, ok := s.takeTrap(); ok {
			return []string{"eval", text + "\n" + again(hc.LastExitStatus, args)}, nil
		}
	}
	if args[0] == "command" && len(args) > 1 && isOwn(args[1]) {
		args = args[1:]
	}
	switch {
	case args[0] == "exec" && len(args) == 1: // only redirections: the interpreter's affair
		return args, nil
	case isOwn(args[0]):
		return append([]string{"sh:" + args[0]}, args[1:]...), nil
	case args[0] == "eval" && len(args) > 1:
		return []string{"eval", s.prepareText(strings.Join(args[1:], " "))}, nil
	}
	return args, nil
}

// again writes a command out so that eval runs it as it was, with the $? that
// it would have seen.
func again(status int, args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		quoted, err := syntax.Quote(arg, syntax.LangBash)
		if err != nil {
			quoted = "''" // only a NUL byte cannot be quoted, and no argument has one
		}
		words[i] = quoted
	}
	return "sh:status " + itoa(status) + " && :\n" + strings.Join(words, " ")
}

// exec performs what is neither a function nor a builtin of the interpreter.
func (s *shell) exec(ctx context.Context, args []string) error {
	c := command{shell: s, ctx: ctx, hc: interp.HandlerCtx(ctx), args: args}
	switch args[0] {
	case "sh:enter":
		return c.enter()
	case "sh:started":
		return c.started()
	case "sh:left":
		return c.left()
	case "sh:status":
		return c.fail(int(atoi(args[1])))
	case "sh:trap":
		return c.trap()
	case "sh:wait":
		return c.wait()
	case "sh:kill":
		return c.kill()
	case "sh:umask":
		return c.umask()
	case "sh:ulimit":
		return c.ulimit()
	case "sh:exec":
		c.args = args[1:]
		return c.replace()
	}
	return c.program()
}

// A command is one call that the shell performs itself.
type command struct {
	*shell
	ctx  context.Context
	hc   interp.HandlerContext
	args []string
}

// fail answers an exit code.
func (c command) fail(code int) error {
	if code == 0 {
		return nil
	}
	return interp.ExitStatus(uint8(code))
}

// main tells whether this is the shell that owns the traps.
func (c command) main() bool { return !c.hc.Env.Get(varSub).IsSet() }

// assign sets a variable in the (sub)shell that calls.
func (c command) assign(name, value string) error {
	return c.hc.Builtin(c.ctx, []string{"eval", name + "=" + value})
}

// environ is the environment of a program: the exported variables.
func environ(env expand.Environ) []string {
	var all []string
	for name, v := range env.Each {
		if v.Exported && v.IsSet() && v.Kind == expand.String {
			all = append(all, name+"="+v.String())
		}
	}
	return all
}
