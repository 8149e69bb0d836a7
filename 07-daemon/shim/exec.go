package shim

import (
	"os"

	"drydock/01-namespaces/sandbox"
	"drydock/01-namespaces/undo"
)

// exec starts one more process in the container, with streams of its own.
func (m *monitor) exec(e *Exec, files []*os.File) (pid int, err error) {
	if err := m.mayExec(e); err != nil {
		closeAll(files)
		return 0, err
	}
	x, c, err := m.enter(e, files)
	if err != nil {
		return 0, err
	}
	m.mu.Lock()
	m.execs[e.ID] = x
	m.mu.Unlock()
	if c != nil {
		go x.streams.serve(c)
	}
	go m.follow(x)
	return x.box.Pid(), nil
}

func (m *monitor) mayExec(e *Exec) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case e == nil:
		return os.ErrInvalid
	case !m.status.Running:
		return errEnded
	case m.execs[e.ID] != nil:
		return os.ErrExist
	}
	return nil
}

// enter runs the process, its streams on the one connection of files; one
// that nobody listens to writes to /dev/null.
func (m *monitor) enter(e *Exec, files []*os.File) (x *execution, c *conn, err error) {
	var way undo.Stack
	defer way.If(&err)
	s := newStreams(e.Process.Terminal, &m.hangups)
	s.once = true
	way.Push(s.release)
	var child sandbox.Stdio
	if len(files) > 0 {
		closeAll(files[1:])
		c = s.join(files[0], e.Attach) // before the program's first word
		way.Push(c.drop)
		child, err = s.pipes(e.Attach)
		defer closeChild(child)
		if err != nil {
			return nil, nil, err
		}
	}
	doors, err := m.doors()
	if err != nil {
		return nil, nil, err
	}
	defer closeAll(doors)
	e.Process.Group = doors
	box, err := sandbox.Enter(m.box.Pid(), e.Process, child)
	if err != nil {
		return nil, nil, err
	}
	if err := s.start(box.Terminal()); err != nil {
		complain(err)
	}
	x = &execution{box: box, streams: s, done: make(chan struct{})}
	x.status = Status{Pid: box.Pid(), Running: true}
	return x, c, nil
}

// follow waits for the end of an exec. The status is known before the
// connections close: their clients ask for it at once.
func (m *monitor) follow(x *execution) {
	untilEnd(x.box.Pid())
	exit, err := x.box.Wait()
	x.streams.drain()
	m.mu.Lock()
	m.worked = true
	m.tired.Reset(restAfter)
	x.status.Running, x.status.Exit = false, exit
	if err != nil {
		x.status.Error = err.Error()
	}
	m.mu.Unlock()
	close(x.done)
	x.streams.finish()
	x.box.Close()
}

// waitExec answers with the end of an exec and forgets it.
func (m *monitor) waitExec(w wire, id string) {
	defer w.close()
	m.mu.Lock()
	x := m.execs[id]
	m.mu.Unlock()
	if x == nil {
		var r reply
		r.fail(noExec(id))
		w.send(r)
		return
	}
	<-x.done
	if w.send(reply{Status: x.status}) == nil {
		m.mu.Lock()
		delete(m.execs, id)
		m.mu.Unlock()
	}
}
