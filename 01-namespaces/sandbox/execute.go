package sandbox

import (
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// A program is what a Process turns out to be inside its container.
type program struct {
	path     string // to execute
	args     []string
	env      []string
	dir      string
	user     identity
	noGroups bool  // setgroups(2) is denied in this user namespace
	chown    []int // standard descriptors that become the user's
}

// unresolved is the program as far as the Process alone tells.
func (p Process) unresolved() program {
	as := program{path: p.Args[0], args: p.Args, env: p.Env, dir: path.Clean("/" + p.Dir)}
	u, _ := parseNumbers(p.User)
	as.user = u
	return as
}

// enterDirectory resolves the working directory inside the root, whatever
// links the image has, and refuses the links of /proc, which could lead out
// (CVE-2024-21626). See openat2(2), fchdir(2).
func enterDirectory(dir string) []Call {
	how := words(unix.O_PATH|unix.O_CLOEXEC|unix.O_DIRECTORY, 0, inside)
	text := fmt.Sprintf("chdir to %q", dir)
	return []Call{
		{Name: "chdir", Args: []any{"/"}, Text: "enter /"},
		{Name: "openat2", Args: []any{unix.AT_FDCWD, dir, how, len(how)}, Save: "directory", Text: text},
		{Name: "fchdir", Args: []any{Result("directory")}, Text: text},
	}
}

// ownStdio gives the terminal or the pipes to the user, who could not open
// /dev/stdout again otherwise. See fchown(2).
func ownStdio(as program) []Call {
	var calls []Call
	for _, fd := range as.chown {
		calls = append(calls, Call{Name: "fchown", Args: []any{fd, int(as.user.uid), -1}, When: AnyError,
			Text: fmt.Sprintf("give descriptor %d to user %d", fd, as.user.uid)})
	}
	return calls
}

// execute is the end: nothing of ours is left behind it. The signal mask
// survives execve, so it is cleared here, where no handler is left to run.
// See close_range(2), rt_sigprocmask(2), execve(2).
func execute(as program) []Call {
	return append(unignore(), []Call{
		{Name: "umask", Args: []any{0o022}, Text: "set the file mode mask to 022"},
		{Name: "close_range", Args: []any{3, uint64(1<<32 - 1), unix.CLOSE_RANGE_CLOEXEC},
			Text: "close all other descriptors on execve"},
		{Name: "rt_sigprocmask", Args: []any{unix.SIG_SETMASK, words(0), 0, 8}, Text: "unblock signals"},
		{Name: "execve", Args: []any{as.path, as.args, as.env}, Text: "exec " + as.path},
	}...)
}

// unignore hears again what shells, nohup and scripting languages ignore:
// the clone took our handlers away, but "ignore" is inherited, and survives
// execve. See sigaction(2).
func unignore() []Call {
	var calls []Call
	for _, sig := range []unix.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGPIPE} {
		calls = append(calls, Call{Name: "rt_sigaction", Args: []any{int(sig), words(0, 0, 0, 0), 0, 8},
			Text: "no longer ignore " + unix.SignalName(sig)})
	}
	return calls
}
