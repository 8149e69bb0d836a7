package sandbox

import (
	"encoding/binary"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/namespace"
)

// Pid is the process id, as seen by the caller.
func (s *Sandbox) Pid() int { return s.pid }

// Terminal is our end of the pty after Release; nil without one. It is the
// caller's to close.
func (s *Sandbox) Terminal() *os.File { return s.terminal }

// Release lets the child go on: what depends on the image (user, program,
// directory) is looked up and the program executed. It returns when the
// program has started, or says what was tried on what; the child is gone
// then.
func (s *Sandbox) Release() error {
	err := s.release()
	s.letGo()
	if err != nil {
		s.kill()
	}
	return err
}

// release does the work of Release; its copy of the terminal's other end is
// closed behind it. See close(2).
func (s *Sandbox) release() error {
	if s.control < 0 {
		return fmt.Errorf("release process %d: it was released before", s.pid)
	}
	if err := s.await(); err != nil { // until now it was busy with its mounts
		return err
	}
	root, err := openRoot(s.pid)
	if err != nil {
		return err
	}
	defer root.close()
	as, err := s.resolve(root)
	if err != nil {
		return err
	}
	fd := -1
	if s.spec.Process.Terminal {
		pty, err := s.openTerminal(root)
		if err != nil {
			return err
		}
		defer unix.Close(pty.theirs)
		fd = pty.theirs
	}
	return s.finish(s.spec.afterGate(as), fd)
}

// resolve looks up what is only known now that the files are there.
func (s *Sandbox) resolve(root lookup) (program, error) {
	p := s.spec.Process
	as, err := root.program(p)
	if err != nil {
		return as, err
	}
	as.noGroups = s.spec.New&namespace.User != 0 && groupsDenied(s.pid)
	as.chown = chown(p, as, s.pipes)
	return as, root.makeDir(as.dir, s.spec)
}

// chown are the standard descriptors that an ordinary user must own: the
// terminal, or what is a pipe. Anything else belongs to somebody.
func chown(p Process, as program, pipes []int) []int {
	switch {
	case as.user.uid == 0:
		return nil
	case p.Terminal:
		return []int{0}
	}
	return pipes
}

// openTerminal opens the terminal in the container's /dev/pts.
func (s *Sandbox) openTerminal(root lookup) (*pty, error) {
	p := s.spec.Process
	pty, err := openTerminal(root.root, p.Rows, p.Columns)
	if err == nil {
		s.terminal = pty.ours
	}
	return pty, err
}

// finish writes the rest of the list, opens the gate and waits until the
// program runs.
func (s *Sandbox) finish(calls []Call, fd int) error {
	if err := s.add(calls); err != nil {
		return err
	}
	if err := s.open(fd); err != nil {
		return fmt.Errorf("release process %d: %w", s.pid, err)
	}
	return s.executed()
}

// await waits until the child stands at its gate.
func (s *Sandbox) await() error {
	r, ok, err := s.hear()
	if err != nil || ok && r == ready {
		return err
	}
	if !ok {
		return fmt.Errorf("process %d died before its release", s.pid)
	}
	return s.explain(r)
}

// executed waits for the end of the control socket: execve closes the
// child's end. A report instead is a failure.
func (s *Sandbox) executed() error {
	r, ok, err := s.hear()
	if err != nil || !ok {
		return err
	}
	return s.explain(r)
}

// hear reads one report; ok is false at the end of the stream. See read(2).
func (s *Sandbox) hear() (r report, ok bool, err error) {
	var b [16]byte
	for {
		n, err := unix.Read(s.control, b[:])
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.ECONNRESET || err == nil && n < len(b):
			return r, false, nil
		case err != nil:
			return r, false, fmt.Errorf("listen to process %d: %w", s.pid, err)
		}
		r = report{binary.NativeEndian.Uint64(b[:]), binary.NativeEndian.Uint64(b[8:])}
		return r, true, nil
	}
}

// explain puts a report in words: what was tried on what, and the cause. See
// errno(3).
func (s *Sandbox) explain(r report) error {
	n := r.call
	for _, calls := range s.calls {
		if n < uint64(len(calls)) {
			return fmt.Errorf("%s: %w", calls[n], unix.Errno(r.errno))
		}
		n -= uint64(len(calls))
	}
	return fmt.Errorf("process %d reports call %d, which it does not have", s.pid, r.call)
}

// letGo frees what was needed only to be born. See close(2).
func (s *Sandbox) letGo() {
	if s.control >= 0 {
		unix.Close(s.control)
		s.control = -1
	}
	if s.list != nil {
		s.list.close()
	}
	s.calls = nil
}

// kinds of namespace that Enter joins at once, besides PID and User.
const shared = namespace.Mount | namespace.UTS | namespace.IPC | namespace.Net | namespace.Cgroup
