package cli

import (
	"context"
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
	input   bool        // our stdin goes there
	raw     bool        // keys go through unchanged: the far end has the terminal
	saved   *term.State // of our terminal, while it is raw
	outDone chan error  // closed when the output has ended
	ended   atomic.Bool // stdin came to its end by itself
}

// attach joins a container's streams before it starts.
func (a *App) attach(ctx context.Context, id, detachKeys string, c *container.Config) (*session, error) {
	var streams []string
	for name, wanted := range map[string]bool{"stdin": c.AttachStdin, "stdout": c.AttachStdout, "stderr": c.AttachStderr} {
		if wanted {
			streams = append(streams, name)
		}
	}
	conn, err := a.client.Attach(ctx, id, detachKeys, streams...)
	if err != nil {
		return nil, err
	}
	return a.session(conn, c.AttachStdin, c.Tty), nil
}

// session wraps a connection; Start begins the copying.
func (a *App) session(conn *client.Conn, input, tty bool) *session {
	return &session{app: a, conn: conn, input: input, raw: tty && input, outDone: make(chan error, 1)}
}

// Start sets the terminal raw where that is wanted and begins to copy. The
// goroutine that reads our stdin cannot be ended and ends with the program.
func (s *session) Start() error {
	if s.raw && isTerminal(s.app.In) {
		saved, err := term.MakeRaw(int(s.app.In.Fd()))
		if err != nil {
			return err
		}
		s.saved = saved
	}
	go func() { s.outDone <- s.output() }()
	if s.input {
		go func() {
			io.Copy(s.conn.Conn, s.app.In)
			s.ended.Store(true)
			s.conn.CloseWrite()
		}()
	}
	return nil
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

// Wait waits for the end of the output.
func (s *session) Wait() error { return <-s.outDone }

// detached says whether the streams may have ended because the user typed
// the detach keys.
func (s *session) detached() bool { return s.input && !s.ended.Load() }

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
// function that it returns is called.
func (a *App) proxySignals(id string) func() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, forwarded...)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := range signals {
			a.client.Kill(context.Background(), id, signalName(s))
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}
