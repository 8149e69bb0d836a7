package sandbox

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/undo"
)

// Enter starts one more process inside the box of process pid; it does not
// wait for Release, the program runs when Enter returns.
//
// Whoever has threads cannot enter a user namespace, and nothing of ours may
// be executed within reach of the container, where it could be read or
// overwritten. So the same walker does it: a child that is still a copy of us
// joins, call by call, and ends in the program. What depends on the image is
// looked up before, from outside. See setns(2), pidfd_open(2).
func Enter(pid int, p Process, stdio Stdio) (box *Sandbox, err error) {
	var way undo.Stack
	defer way.Run()
	if err := p.check(); err != nil {
		return nil, err
	}
	target, err := unix.PidfdOpen(pid, 0) // see pidfd_open(2)
	if err != nil {
		return nil, fmt.Errorf("enter process %d: %w", pid, err)
	}
	way.Push(func() { unix.Close(target) })
	root, err := openRoot(pid)
	if err != nil {
		return nil, err
	}
	way.Push(root.close)
	box = &Sandbox{spec: Spec{Process: p}, pidfd: -1, control: -1}
	if err := box.enter(pid, target, root, stdio); err != nil {
		box.kill()
		box.Close()
		return nil, err
	}
	return box, nil
}

// enter does the work of Enter. See close(2) for what is on its way back.
func (s *Sandbox) enter(pid, target int, root lookup, stdio Stdio) error {
	var way undo.Stack
	defer way.Run()
	p := s.spec.Process
	as, err := root.program(p)
	if err != nil {
		return err
	}
	in, err := inheritProcess(p, stdio, &way)
	if err != nil {
		return err
	}
	s.control, in.pid, in.fds[ownBox] = in.ours, target, target
	as.chown = chown(p, as, in.pipes)
	as.noGroups = groupsDenied(pid)
	if p.Terminal {
		pty, err := s.openTerminal(root)
		if err != nil {
			return err
		}
		way.Push(func() { unix.Close(pty.theirs) })
		in.fds[ownConsole] = pty.theirs
	}
	if err := s.prepare(p.enterCalls(as, otherUser(pid)), in); err != nil {
		return err
	}
	if err := s.clone(0, in); err != nil {
		return err
	}
	way.Run() // our copy of the child's end, or its end of file would never come
	defer s.letGo()
	return s.executed()
}

// EnterCalls compiles what a child of Enter does into its list, as far as the
// Process alone tells.
func (p Process) EnterCalls() ([]Call, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	return p.enterCalls(p.unresolved(), false), nil
}

// enterCalls joins first and drops powers last, like Spawn. All namespaces
// are joined by one call, so that there is no moment between two worlds; the
// PID namespace was set before the clone. See setns(2).
func (p Process) enterCalls(as program, user bool) []Call {
	kinds, root := shared, []Call(nil)
	if user {
		kinds, root = shared|namespace.User, becomeRoot()
	}
	return join(
		notDumpable(),
		oomScore(p),
		joinGroups(p),
		takeStdio(),
		terminal(p, ownConsole, false),
		[]Call{{Name: "setns", Args: []any{ownBox, uint64(kinds)}, Text: "enter the namespaces of the container"}},
		root,
		dropInherited(),
		newSession(p),
		p.become(as),
	)
}

// otherUser says whether the process lives in another user namespace than
// we do: setns refuses to enter one's own again. See user_namespaces(7).
func otherUser(pid int) bool {
	theirs, err := os.Readlink(namespace.Path(pid, namespace.User))
	ours, err2 := os.Readlink("/proc/self/ns/user")
	return err == nil && err2 == nil && theirs != ours
}

// groupsDenied says whether setgroups(2) is denied to the process.
func groupsDenied(pid int) bool {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/setgroups", pid))
	return string(b) == "deny\n"
}
