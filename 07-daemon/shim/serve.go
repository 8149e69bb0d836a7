package shim

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/sandbox"
)

// errEnded is what is said to those who come too late.
var errEnded = errors.New("the container is not running")

// serve answers callers until the process ends, each in a goroutine of its
// own; an attached connection keeps its own as long as it lasts.
func (m *monitor) serve() {
	for {
		w, err := accept(m.listener)
		var stranger *strangerError
		switch {
		case errors.As(err, &stranger):
			complain(err)
		case err != nil:
			return
		default:
			m.calls.Go(func() { m.hear(w) })
		}
	}
}

// hear reads one request and answers it.
func (m *monitor) hear(w wire) {
	var q request
	files, err := w.receive(&q)
	if err != nil {
		w.close()
		return
	}
	switch q.Op {
	case opWait:
		m.wait(w, q.ID)
	case opAttach:
		m.attach(w, &q, files)
	default:
		m.answer(w, &q, files)
		w.close()
	}
}

// answer serves the requests that are done at once.
func (m *monitor) answer(w wire, q *request, files []*os.File) {
	var r reply
	var err error
	switch q.Op {
	case opStatus:
		r.Status, err = m.state(q.ID)
	case opDecided:
		<-m.decided // if it will not be released, we end and so does the connection
		r.Status, err = m.state("")
	case opSignal:
		err = m.signal(q.Signal)
	case opResize:
		err = m.resize(q)
	case opExec:
		r.Status.Pid, err = m.exec(q.Exec, files)
	default:
		closeAll(files)
		err = fmt.Errorf("a shim cannot %q", q.Op)
	}
	if err != nil {
		r.fail(err)
	}
	w.send(r)
}

// state is the status of the container or of one exec.
func (m *monitor) state(id string) (Status, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id == "" {
		return m.status, nil
	}
	x := m.execs[id]
	if x == nil {
		return Status{}, noExec(id)
	}
	return x.status, nil
}

func (m *monitor) signal(sig unix.Signal) error {
	select {
	case <-m.ended:
		return errEnded
	default:
		return m.box.Signal(sig)
	}
}

// resize tells a terminal its size; its foreground processes get SIGWINCH.
// See TIOCSWINSZ(2const).
func (m *monitor) resize(q *request) error {
	s, err := m.streamsOf(q.ID)
	if err != nil {
		return err
	}
	if !s.terminal {
		return errors.New("resize: there is no terminal")
	}
	select {
	case <-s.started:
	default:
		return errEnded
	}
	fd, err := number(s.input)
	if err != nil {
		return errEnded
	}
	return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: q.Rows, Col: q.Columns})
}

func (m *monitor) streamsOf(id string) (*streams, error) {
	if id == "" {
		return m.streams, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if x := m.execs[id]; x != nil {
		return x.streams, nil
	}
	return nil, noExec(id)
}

// attach lets a connection take part. The caller sees by the end of file of w
// that it is over.
func (m *monitor) attach(w wire, q *request, files []*os.File) {
	defer w.close()
	if len(files) != 1 {
		closeAll(files)
		w.send(reply{Error: "attach needs one connection"})
		return
	}
	// It joins before the caller hears of it: the program may start next, and
	// no byte of it shall be missed.
	c := m.streams.join(files[0], q.Attach)
	if err := w.send(reply{}); err != nil {
		c.drop()
		return
	}
	m.streams.serve(c)
}

// wait answers when the container, or an exec, has ended. Who waits for the
// container also waits to see us go: w stays open until then.
func (m *monitor) wait(w wire, id string) {
	if id != "" {
		m.waitExec(w, id)
		return
	}
	m.mu.Lock()
	m.waiting = append(m.waiting, w)
	m.mu.Unlock()
	<-m.ended
	w.send(reply{Status: m.status})
}

// An execution is one more process in the container.
type execution struct {
	box     *sandbox.Sandbox
	streams *streams
	done    chan struct{} // closed when status is final
	status  Status        // guarded by monitor.mu
}

func noExec(id string) error { return fmt.Errorf("no exec %s is known: %w", id, os.ErrNotExist) }
