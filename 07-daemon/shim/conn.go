package shim

import (
	"os"
	"sync"

	"drydock/07-daemon/stdio"
)

// A conn is a connection of a client, handed over by the daemon.
type conn struct {
	file *os.File
	Attach

	mu   sync.Mutex // one frame at a time: both outputs write
	once sync.Once
	gone chan struct{} // closed when we let go
	drop func()        // what a hangup does

	hang *hangups // whose mutex guards what is below
	key  int32    // in hang.conns
	dead bool     // closed: not to be watched any more
}

func (c *conn) wants(kind stdio.Stream) bool {
	return kind == stdio.Stdout && c.Stdout || kind == stdio.Stderr && c.Stderr
}

func (c *conn) write(p []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.file.Write(p)
	return err
}

// close lets go of the connection; what was written still arrives.
func (c *conn) close() {
	c.once.Do(func() {
		c.hang.forget(c)
		c.file.Close()
		close(c.gone)
	})
}

// join lets a connection take part in what comes from now on.
func (s *streams) join(f *os.File, a Attach) *conn {
	c := &conn{file: f, Attach: a, hang: s.hangups, gone: make(chan struct{})}
	c.drop = func() { s.drop(c) }
	if !s.add(c) {
		c.close()
	}
	return c
}

// serve carries input until the connection or the process ends.
func (s *streams) serve(c *conn) {
	if c.Stdin && (s.terminal || s.input != nil) {
		s.feed(c)
	} else {
		s.hangups.watch(c)
	}
	<-c.gone
}

// feed carries what a client types to the program. At the end of input, the
// program's input ends if it was meant for one client; otherwise the client
// is let go, as Docker does.
func (s *streams) feed(c *conn) {
	select {
	case <-s.started:
	case <-s.over:
		return
	}
	if detached := s.typed(c); detached || s.terminal || !s.once {
		s.drop(c)
		return
	}
	s.closeInput()
	s.hangups.watch(c)
}

// typed copies until the end of the client's input or of the program's, or
// until the keys that detach, which only a terminal knows.
func (s *streams) typed(c *conn) (detached bool) {
	d := stdio.Detacher{}
	if s.terminal {
		d.Keys = stdio.DefaultKeys
		if c.DetachKeys != nil {
			d.Keys = c.DetachKeys
		}
	}
	buf := make([]byte, readSize/2)
	var out []byte
	for {
		n, err := c.file.Read(buf)
		out, detached = d.Filter(out[:0], buf[:n])
		if _, werr := s.input.Write(out); werr != nil || detached || err != nil {
			return detached
		}
	}
}
