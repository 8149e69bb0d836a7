package shim

import (
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/sandbox"
	"drydock/07-daemon/stdio"
)

// readSize is what a pipe holds by default, see pipe(7): one read takes all.
const readSize = 64 << 10

// drainTime is how long the end of a process waits for its streams. They
// close with its pid namespace; only descriptors that travelled elsewhere, or
// a process of an exec left in the background, keep them open.
const drainTime = 2 * time.Second

// lingerTime is how long a client that does not read may keep the last output
// of an ended process. The shim waits for it so long, and with the shim
// whoever wants to start or remove the container.
const lingerTime = 5 * time.Second

// streams are the standard streams of one process and the connections that
// take part in them.
//
// Output goes through one goroutine a stream: log first, then each connection
// in turn. Input comes from one goroutine a connection.
type streams struct {
	terminal bool
	once     bool       // input ends with the first connection's
	log      *stdio.Log // nil: none
	hangups  *hangups

	input   *os.File // our end of stdin: a pipe or the terminal; nil: none
	sources []source
	started chan struct{} // closed when the program runs
	over    chan struct{} // closed when no more comes and connections are gone
	copying sync.WaitGroup

	mu    sync.Mutex // guards conns
	conns []*conn    // replaced, never changed: a reader of output keeps no lock
}

// A source is our end of an output.
type source struct {
	file *os.File
	kind stdio.Stream
}

func newStreams(terminal bool, h *hangups) *streams {
	return &streams{terminal: terminal, hangups: h, started: make(chan struct{}), over: make(chan struct{})}
}

// pipes makes the pipes that a wants and returns the process's ends. With a
// terminal there are none: it comes with the release.
func (s *streams) pipes(a Attach) (child sandbox.Stdio, err error) {
	if s.terminal {
		return child, nil
	}
	if a.Stdin {
		if child.In, s.input, err = pipe(true); err != nil {
			return child, err
		}
	}
	if a.Stdout {
		if child.Out, err = s.output(stdio.Stdout); err != nil {
			return child, err
		}
	}
	if a.Stderr {
		child.Err, err = s.output(stdio.Stderr)
	}
	return child, err
}

func (s *streams) output(kind stdio.Stream) (*os.File, error) {
	ours, theirs, err := pipe(false)
	if err != nil {
		return nil, err
	}
	s.sources = append(s.sources, source{ours, kind})
	return theirs, nil
}

// pipe makes a pipe of which one end, the writing one for input, is ours and
// does not block. The other end does: programs expect that of their standard
// streams. It returns the reading end first. See pipe(2).
func pipe(input bool) (r, w *os.File, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, err
	}
	ours := p[0]
	if input {
		ours = p[1]
	}
	unix.SetNonblock(ours, true)
	return os.NewFile(uintptr(p[0]), "pipe"), os.NewFile(uintptr(p[1]), "pipe"), nil
}

// closeChild closes the ends that the process has copies of: as long as one
// of ours is open, the end of file never comes.
func closeChild(child sandbox.Stdio) {
	for _, f := range []*os.File{child.In, child.Out, child.Err} {
		if f != nil {
			f.Close()
		}
	}
}

// start begins to copy, once the program runs. terminal is our end of the
// pty, or nil.
func (s *streams) start(terminal *os.File) error {
	if s.terminal {
		master, err := pollable(terminal)
		if err != nil {
			return err
		}
		s.input = master
		s.sources = []source{{master, stdio.Stdout}}
	}
	for _, from := range s.sources {
		s.copying.Go(func() { s.copy(from) })
	}
	close(s.started)
	return nil
}

// pollable is a copy of f that parks a goroutine instead of a thread.
func pollable(f *os.File) (*os.File, error) {
	fd, err := number(f)
	if err != nil {
		return nil, err
	}
	if fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); err != nil {
		return nil, err
	}
	unix.SetNonblock(fd, true)
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// copy carries one output to its end. The buffer begins with room for the
// header of a frame and for the line that the last read left incomplete.
func (s *streams) copy(from source) {
	buf := make([]byte, stdio.HeaderSize+readSize+readSize/4)
	held := stdio.HeaderSize // end of the incomplete line
	for {
		n, err := read(from.file, buf[held:min(len(buf), held+readSize)])
		if n > 0 {
			taken := s.keep(from.kind, buf[stdio.HeaderSize:held+n])
			s.broadcast(from.kind, buf[held-stdio.HeaderSize:held+n])
			rest := copy(buf[stdio.HeaderSize:], buf[stdio.HeaderSize+taken:held+n])
			held = stdio.HeaderSize + rest
		}
		if err != nil { // the end, or EIO of a terminal that nobody has open
			break
		}
	}
	if s.log != nil {
		s.log.Finish(from.kind, buf[stdio.HeaderSize:held], time.Now())
	}
}

// read reads what is there or comes. After the deadline that drain sets, it
// takes what is there and then says that this is the end.
func read(f *os.File, p []byte) (n int, err error) {
	n, err = f.Read(p)
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	cerr := raw.Control(func(fd uintptr) { n, err = unix.Read(int(fd), p) })
	if cerr != nil || err != nil || n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// keep logs p and answers how much of it is done with. An error of the log is
// no reason to stop a container.
func (s *streams) keep(kind stdio.Stream, p []byte) int {
	if s.log == nil {
		return len(p)
	}
	taken, err := s.log.Append(kind, p, time.Now())
	if err != nil {
		complain(err)
	}
	return taken
}

// broadcast sends a piece to all who want it. The first bytes of framed are
// room for a header; they belong to another line and are put back.
func (s *streams) broadcast(kind stdio.Stream, framed []byte) {
	s.mu.Lock()
	conns := s.conns
	s.mu.Unlock()
	if len(conns) == 0 {
		return
	}
	piece := framed[stdio.HeaderSize:]
	var saved [stdio.HeaderSize]byte
	copy(saved[:], framed)
	stdio.PutHeader(framed, kind, len(piece))
	if !s.terminal {
		piece = framed
	}
	for _, c := range conns {
		if c.wants(kind) && c.write(piece) != nil {
			s.drop(c)
		}
	}
	copy(framed, saved[:])
}

// add lets a connection take part; false when all is over.
func (s *streams) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.over:
		return false
	default:
	}
	s.conns = append(slices.Clip(s.conns), c)
	return true
}

// drop lets a connection go.
func (s *streams) drop(c *conn) {
	s.mu.Lock()
	s.conns = slices.DeleteFunc(slices.Clone(s.conns), func(o *conn) bool { return o == c })
	s.mu.Unlock()
	c.close()
}

// closeInput ends the program's input. A terminal has no end: its program
// would see a hangup.
func (s *streams) closeInput() {
	if s.input != nil && !s.terminal {
		s.input.Close()
	}
}

// drain waits until all output is copied, or for drainTime: what lies in the
// pipes by then is still copied, but nothing more is waited for. It returns
// even when a connection takes its time; finish does not.
func (s *streams) drain() {
	done := make(chan struct{})
	go func() {
		s.copying.Wait()
		close(done)
	}()
	late := time.NewTimer(drainTime)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
		for _, from := range s.sources {
			from.file.SetReadDeadline(time.Unix(1, 0))
		}
		s.hurry(time.Now().Add(lingerTime))
	}
}

// hurry gives the connections until then to take what is written to them.
func (s *streams) hurry(until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		c.file.SetWriteDeadline(until)
	}
}

// finish waits until everything is copied and lets all connections go.
func (s *streams) finish() {
	s.copying.Wait()
	s.mu.Lock()
	conns := s.conns
	s.conns = nil
	close(s.over)
	s.mu.Unlock()
	for _, c := range conns {
		c.close()
	}
	s.release()
}

// release closes our ends.
func (s *streams) release() {
	if s.input != nil {
		s.input.Close()
	}
	for _, from := range s.sources {
		from.file.Close()
	}
}
