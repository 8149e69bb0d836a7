package shim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/sandbox"
)

// A Shim is the daemon's handle. It is safe for concurrent use.
type Shim struct {
	dir     string
	pid     int
	monitor int  // the shim's own pid, if it is our child and not reaped
	control wire // the status of the end comes here, then the end of file

	released atomic.Bool
	watching sync.Once
	ended    chan struct{} // closed when status and err are final
	gone     chan struct{} // closed when the process is
	status   Status
	err      error
}

func newShim(dir string, control wire) *Shim {
	return &Shim{dir: dir, control: control, ended: make(chan struct{}), gone: make(chan struct{})}
}

// Spawn sends the bundle of the directory that the shim was launched for, and
// returns once the child exists and has its namespaces; after an error the
// shim is gone. hold are kept open as long as the container lives (published
// host ports).
func (s *Shim) Spawn(bundle Bundle, hold []*os.File) error {
	r, err := s.born(bundle, hold)
	if err != nil {
		s.finish(err)
		return err
	}
	s.pid = r.Status.Pid
	return nil
}

// born tells the bundle and hears the reply.
func (s *Shim) born(bundle Bundle, hold []*os.File) (reply, error) {
	var r reply
	if err := s.control.send(bundle, hold...); err != nil {
		return r, fmt.Errorf("send the bundle to the shim: %w", err)
	}
	if _, err := s.control.receive(&r); err != nil {
		return r, fmt.Errorf("wait for the shim to spawn: %w", err)
	}
	return r, r.err()
}

// Connect finds the shim that serves dir, after a daemon's restart.
func Connect(dir string) (*Shim, error) {
	r, err := call(dir, request{Op: opStatus})
	if err != nil {
		return nil, err
	}
	control, err := dial(dir)
	if err != nil {
		return nil, err
	}
	if err := control.send(request{Op: opWait}); err != nil {
		control.close()
		return nil, err
	}
	s := newShim(dir, control)
	s.pid = r.Status.Pid
	s.watch()
	return s, nil
}

// Pid is the container's first process.
func (s *Shim) Pid() int { return s.pid }

// Release lets the program start, or says why it cannot: then the shim undoes
// everything and ends.
func (s *Shim) Release() error {
	if err := s.control.send(request{Op: opRelease}); err != nil {
		return fmt.Errorf("release the container: %w", err)
	}
	var r reply
	if _, err := s.control.receive(&r); err != nil {
		return fmt.Errorf("wait for the program to start: %w", err)
	}
	if err := r.err(); err != nil {
		s.finish(err)
		return err
	}
	s.watch()
	return nil
}

// Kill ends a container that was spawned, released or not, and its shim. It
// returns when nothing of them is left.
func (s *Shim) Kill() error {
	if s.released.Load() {
		err := s.Signal(unix.SIGKILL)
		<-s.gone
		return err
	}
	raw, err := s.control.f.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { unix.Shutdown(int(fd), unix.SHUT_WR) })
	}
	if err != nil { // it ended by itself
		return nil
	}
	s.finish(errors.New("the container was never released"))
	return nil
}

// watch waits for the end in one goroutine, which ends with the shim.
func (s *Shim) watch() {
	s.released.Store(true)
	s.watching.Do(func() {
		go func() {
			var r reply
			_, err := s.control.receive(&r)
			if err == nil {
				s.status = r.Status
			} else if s.status, s.err = Exited(s.dir); s.err != nil {
				s.err = fmt.Errorf("the shim of process %d ended without a word: %w", s.pid, err)
			}
			close(s.ended)
			s.leave()
		}()
	})
}

// finish is the end of a container that never ran.
func (s *Shim) finish(err error) {
	s.watching.Do(func() {
		s.err = err
		close(s.ended)
		s.leave()
	})
}

// leave waits for the end of the process, which the end of file shows.
func (s *Shim) leave() {
	io.Copy(io.Discard, s.control.f)
	s.control.close()
	s.reap()
	close(s.gone)
}

// reap takes the process off the kernel's list if it is our child; its
// descriptors are closed, so it is about to end. See wait4(2).
func (s *Shim) reap() {
	if s.monitor == 0 {
		return
	}
	for {
		if _, err := unix.Wait4(s.monitor, nil, 0, nil); err != unix.EINTR {
			return
		}
	}
}

// Gone is closed when the shim has ended, the very last: the container's
// mounts and control groups are gone with it. A container that is started
// again, or whose tree is deleted, waits for it.
func (s *Shim) Gone() <-chan struct{} { return s.gone }

// Wait waits for the end of the container: streams drained, log written.
func (s *Shim) Wait(ctx context.Context) (Status, error) {
	select {
	case <-s.ended:
		return s.status, s.err
	case <-ctx.Done():
		return Status{}, ctx.Err()
	}
}

// Signal sends a signal to the first process.
func (s *Shim) Signal(sig unix.Signal) error {
	_, err := call(s.dir, request{Op: opSignal, Signal: sig})
	return err
}

// Resize changes the terminal of the container, or of one exec.
func (s *Shim) Resize(exec string, rows, columns uint16) error {
	_, err := call(s.dir, request{Op: opResize, ID: exec, Rows: rows, Columns: columns})
	return err
}

// Status asks for the state, once it is decided whether the program runs.
func (s *Shim) Status() (Status, error) {
	select {
	case <-s.ended:
		return s.status, s.err
	default:
	}
	r, err := call(s.dir, request{Op: opDecided})
	return r.Status, err
}

// Attach hands conn (a socket) to the shim, which writes raw bytes (terminal)
// or frames of 8 bytes header (no terminal) to it and closes it at the end.
// The returned channel is closed when the shim let go of conn. The caller
// closes its own copies (conn, and what conn was made of) at once, or the
// client never sees the end.
//
// The shim writes to the log first and then to each connection in turn. One
// that does not read holds up the container once the socket's buffer is full,
// as with Docker: no output is dropped, and none is kept in memory.
func (s *Shim) Attach(conn *os.File, a Attach) (<-chan struct{}, error) {
	w, err := dial(s.dir)
	if err != nil {
		return nil, err
	}
	if _, err := ask(w, request{Op: opAttach, Attach: a}, conn); err != nil {
		w.close()
		return nil, err
	}
	done := make(chan struct{})
	go func() {
		io.Copy(io.Discard, w.f)
		w.close()
		close(done)
	}()
	return done, nil
}

// Exec starts one more process, its streams on conn (nil: none). It returns
// its pid when the program runs. The caller closes conn, as with Attach.
func (s *Shim) Exec(conn *os.File, e Exec) (int, error) {
	var files []*os.File
	if conn != nil {
		files = append(files, conn)
	}
	r, err := call(s.dir, request{Op: opExec, Exec: &e}, files...)
	return r.Status.Pid, err
}

// ExecStatus asks for the state of an exec. When its connection closes, the
// answer is final already.
func (s *Shim) ExecStatus(id string) (Status, error) {
	r, err := call(s.dir, request{Op: opStatus, ID: id})
	return r.Status, err
}

// WaitExec waits for the end of an exec. Its exit status is remembered until
// somebody has asked, and forgotten then.
func (s *Shim) WaitExec(ctx context.Context, id string) (sandbox.Exit, error) {
	w, err := dial(s.dir)
	if err != nil {
		return sandbox.Exit{}, err
	}
	stop := context.AfterFunc(ctx, func() { w.close() })
	defer w.close()
	r, err := ask(w, request{Op: opWait, ID: id})
	if !stop() {
		return sandbox.Exit{}, ctx.Err()
	}
	return r.Status.Exit, err
}

// call asks one question on a connection of its own.
func call(dir string, q request, files ...*os.File) (reply, error) {
	w, err := dial(dir)
	if err != nil {
		return reply{}, err
	}
	defer w.close()
	return ask(w, q, files...)
}

func ask(w wire, q request, files ...*os.File) (r reply, err error) {
	if err := w.send(q, files...); err != nil {
		return r, fmt.Errorf("ask the shim to %s: %w", q.Op, err)
	}
	if _, err := w.receive(&r); err != nil {
		return r, fmt.Errorf("wait for the shim to %s: %w", q.Op, err)
	}
	return r, r.err()
}
