package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/moby/moby/api/types/container"
	"golang.org/x/term"

	"drydock/07-daemon/stdio"
	"drydock/final/client"
)

// A session is our terminal joined to the streams of a process.
type session struct {
	app     *App
	conn    *client.Conn
	input   bool           // our stdin goes there
	raw     bool           // keys go through unchanged: the far end has the terminal
	keys    stdio.Detacher // watches for those that leave, where keys go through
	saved   *term.State    // of our terminal, while it is raw
	outDone chan error     // told when the output has ended
	left    atomic.Bool    // by those keys: the process goes on
}

// errLeft says that the user typed the keys that detach.
var errLeft = errors.New("read escape sequence")

// attach joins a container's streams before it starts.
func (a *App) attach(ctx context.Context, id, detachKeys string, c *container.Config) (*session, error) {
	var streams []string
	for name, wanted := range map[string]bool{"stdin": c.AttachStdin, "stdout": c.AttachStdout, "stderr": c.AttachStderr} {
		if wanted {
			streams = append(streams, name)
		}
	}
	s := &session{app: a, input: c.AttachStdin, raw: c.AttachStdin && c.Tty}
	return s, s.join(detachKeys, func() (*client.Conn, error) { return a.client.Attach(ctx, id, detachKeys, streams...) })
}

// join connects s, once it is clear that detachKeys make sense.
func (s *session) join(detachKeys string, connect func() (*client.Conn, error)) (err error) {
	s.outDone = make(chan error, 1)
	if s.keys.Keys = stdio.DefaultKeys; detachKeys != "" {
		if s.keys.Keys, err = stdio.ParseKeys(detachKeys); err != nil {
			return fmt.Errorf("invalid detach keys (%s): %w", detachKeys, err)
		}
	}
	s.conn, err = connect()
	return err
}

// Start sets the terminal raw where that is wanted and begins to copy, until
// ctx is done. The goroutine that reads our stdin cannot be ended and ends
// with the program.
func (s *session) Start(ctx context.Context) error {
	if s.raw && isTerminal(s.app.In) {
		saved, err := term.MakeRaw(int(s.app.In.Fd()))
		if err != nil {
			return err
		}
		s.saved = saved
	}
	context.AfterFunc(ctx, func() { s.conn.Close() })
	go func() { s.outDone <- s.outcome() }()
	if s.input {
		go s.feed()
	}
	return nil
}

// feed copies our stdin until its end, or until the keys that detach.
func (s *session) feed() {
	if !s.raw {
		io.Copy(s.conn.Conn, s.app.In)
		s.conn.CloseWrite()
		return
	}
	typed, kept := make([]byte, 4096), make([]byte, 0, 4096)
	for {
		n, err := s.app.In.Read(typed)
		kept, leave := s.keys.Filter(kept[:0], typed[:n])
		if _, failed := s.conn.Write(kept); failed != nil {
			return
		}
		if leave {
			s.left.Store(true)
			s.conn.Close()
			return
		}
		if err != nil {
			s.conn.CloseWrite()
			return
		}
	}
}

// outcome is how the output ended.
func (s *session) outcome() error {
	err := s.output()
	if s.left.Load() {
		return errLeft
	}
	return err
}

// output copies what the process writes, frame by frame where it has no
// terminal.
func (s *session) output() error {
	if s.conn.Framed {
		return stdio.Split(s.app.Out, s.app.Err, s.conn)
	}
	_, err := io.Copy(s.app.Out, s.conn)
	return err
}

// Wait waits for the end of the output and gives the terminal back.
func (s *session) Wait() error {
	defer s.Restore()
	return <-s.outDone
}

// Restore gives the terminal its old ways back. It may be called twice.
func (s *session) Restore() {
	if s.saved != nil {
		term.Restore(int(s.app.In.Fd()), s.saved)
		s.saved = nil
	}
}

// Close ends the session.
func (s *session) Close() {
	s.Restore()
	s.conn.Close()
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// terminalSize is the size of the terminal that f is.
func terminalSize(f *os.File) (rows, columns uint16, ok bool) {
	w, h, err := term.GetSize(int(f.Fd()))
	return uint16(h), uint16(w), err == nil
}

// followContainer is followSize for a container that has a terminal.
func (a *App) followContainer(id string, tty bool) (stop func()) {
	if !tty {
		return func() {}
	}
	return a.followSize(func(rows, columns uint16) { a.client.Resize(context.Background(), id, rows, columns) })
}

// followSize tells resize the size of our terminal now and whenever it
// changes, until the function that it returns is called.
func (a *App) followSize(resize func(rows, columns uint16)) func() {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if rows, columns, ok := terminalSize(a.Out); ok {
				resize(rows, columns)
			}
			if _, more := <-changed; !more {
				return
			}
		}
	}()
	return func() {
		signal.Stop(changed)
		close(changed)
		<-done
	}
}

// forwarded are the signals that a container without a terminal gets in our
// place. SIGCHLD, SIGPIPE, SIGURG and SIGWINCH are about us.
var forwarded = []os.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM,
	syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGCONT, syscall.SIGALRM,
}

// proxySignals sends the signals that we get to the container, until the
// function that it returns is called. The context that it returns is not done
// by a SIGTERM: that one is the container's too. Without on it does nothing.
func (a *App) proxySignals(ctx context.Context, id string, on bool) (context.Context, func()) {
	if !on {
		return ctx, func() {}
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, forwarded...)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := range signals {
			a.client.Kill(context.Background(), id, signalName(s))
		}
	}()
	return context.WithoutCancel(ctx), func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}
