package shim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"

	"golang.org/x/sys/unix"
)

// The verbs of the protocol.
const (
	opRelease = "release"
	opSignal  = "signal"
	opResize  = "resize"
	opAttach  = "attach"
	opExec    = "exec"
	opWait    = "wait"
	opStatus  = "status"
	opDecided = "decided" // status, after the release
)

// A request is one question on a connection of its own. Descriptors travel
// beside it.
type request struct {
	Op            string
	ID            string // of an exec; empty is the container itself
	Signal        unix.Signal
	Rows, Columns uint16
	Attach        Attach
	Exec          *Exec
}

// A reply is the answer to a request.
type reply struct {
	Status Status
	Error  string
	Errno  unix.Errno // of Error, if the kernel or a lookup said no
}

// A failure is an error that came over the wire: the sentence and the number
// under it, so that errors.Is(err, fs.ErrNotExist) holds on this side too.
type failure struct {
	text  string
	errno unix.Errno
}

func (f *failure) Error() string { return f.text }

func (f *failure) Unwrap() error {
	if f.errno == 0 {
		return nil
	}
	return f.errno
}

func (r *reply) err() error {
	if r.Error == "" {
		return nil
	}
	return &failure{r.Error, r.Errno}
}

func (r *reply) fail(err error) {
	r.Error = err.Error()
	switch {
	case errors.As(err, &r.Errno):
	case errors.Is(err, fs.ErrNotExist):
		r.Errno = unix.ENOENT
	case errors.Is(err, fs.ErrExist):
		r.Errno = unix.EEXIST
	case errors.Is(err, fs.ErrPermission):
		r.Errno = unix.EACCES
	}
}

// maxMessage is far above the largest bundle: the arguments and environment
// of a process may have 2 MiB, see execve(2).
const maxMessage = 16 << 20

// A wire is one end of a stream socket. It is an *os.File and no net.Conn,
// because the shim would pay for package net in every container; the
// runtime's poller serves both.
type wire struct{ f *os.File }

func newWire(fd int) wire {
	unix.SetNonblock(fd, true) // before NewFile: it asks
	return wire{os.NewFile(uintptr(fd), "socket")}
}

// send writes one message; files travel with its first bytes, which the
// kernel guarantees to deliver together. See unix(7), sendmsg(2).
func (w wire) send(v any, files ...*os.File) error {
	b, err := encode(make([]byte, 4, 512), reflect.ValueOf(v))
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	if len(files) > 0 {
		n, err := w.sendRights(b, files)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	if len(b) == 0 { // the answer may have come, and the other end be closed
		return nil
	}
	_, err = w.f.Write(b)
	return err
}

func (w wire) sendRights(b []byte, files []*os.File) (n int, err error) {
	fds := make([]int, len(files))
	for i, f := range files {
		if fds[i], err = number(f); err != nil {
			return 0, err
		}
	}
	rights := unix.UnixRights(fds...)
	raw, err := w.f.SyscallConn()
	if err != nil {
		return 0, err
	}
	werr := raw.Write(func(fd uintptr) bool {
		n, err = unix.SendmsgN(int(fd), b, rights, nil, unix.MSG_NOSIGNAL)
		return err != unix.EAGAIN
	})
	return n, errors.Join(werr, err)
}

// number is the descriptor behind f. (*os.File).Fd would make a socket
// blocking, and with it the copy at the other end, which is the same socket.
func number(f *os.File) (fd int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = raw.Control(func(n uintptr) { fd = int(n) })
	return fd, err
}

// receive reads one message and the descriptors that came with it.
func (w wire) receive(v any) ([]*os.File, error) {
	var head [4]byte
	n, files, err := w.receiveRights(head[:])
	if err != nil {
		return nil, err
	}
	if err := w.body(head[:], n, v); err != nil {
		closeAll(files)
		return nil, err
	}
	return files, nil
}

// body reads on after the first n bytes of the head.
func (w wire) body(head []byte, n int, v any) error {
	if _, err := io.ReadFull(w.f, head[n:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head)
	if size > maxMessage {
		return fmt.Errorf("a message of %d bytes is too long", size)
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(w.f, b); err != nil {
		return err
	}
	d := decoder{b: b}
	d.decode(reflect.ValueOf(v).Elem())
	return d.err
}

// maxRights is the most descriptors that one message carries, SCM_MAX_FD of
// unix(7).
const maxRights = 253

func (w wire) receiveRights(b []byte) (n int, files []*os.File, err error) {
	raw, err := w.f.SyscallConn()
	if err != nil {
		return 0, nil, err
	}
	oob := make([]byte, unix.CmsgSpace(4*maxRights))
	var oobn int
	rerr := raw.Read(func(fd uintptr) bool {
		n, oobn, _, _, err = unix.Recvmsg(int(fd), b, oob, unix.MSG_CMSG_CLOEXEC)
		return err != unix.EAGAIN && err != unix.EINTR
	})
	if err = errors.Join(rerr, err); err != nil {
		return 0, nil, err
	}
	if files, err = rights(oob[:oobn]); err != nil {
		return 0, nil, err
	}
	if n == 0 {
		closeAll(files)
		return 0, nil, io.EOF
	}
	return n, files, nil
}

func rights(oob []byte) ([]*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			closeAll(files)
			return nil, err
		}
		for _, fd := range fds {
			// A client's socket must park a goroutine, not a thread. Ports
			// that are only held do not care.
			unix.SetNonblock(fd, true)
			files = append(files, os.NewFile(uintptr(fd), "passed"))
		}
	}
	return files, nil
}

func (w wire) close() error { return w.f.Close() }

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// socketName is where a shim listens, in Bundle.Dir.
const socketName = "socket"

// withAddress calls fn with the address of the socket in dir. An address has
// room for 107 bytes (unix(7)) and an exec-root may be deep, so the directory
// goes by its descriptor.
func withAddress(dir string, fn func(*unix.SockaddrUnix) error) error {
	d, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(d)
	return fn(&unix.SockaddrUnix{Name: filepath.Join(fmt.Sprintf("/proc/self/fd/%d", d), socketName)})
}

// dial connects to the shim that serves dir. See connect(2).
func dial(dir string) (wire, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return wire{}, fmt.Errorf("make a socket: %w", err)
	}
	err = withAddress(dir, func(a *unix.SockaddrUnix) error { return unix.Connect(fd, a) })
	if err != nil {
		unix.Close(fd)
		return wire{}, fmt.Errorf("connect to the shim in %s: %w", dir, err)
	}
	return newWire(fd), nil
}

// listen makes the socket in dir; what an older shim left there goes. See
// bind(2), listen(2).
func listen(dir string) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	err = withAddress(dir, func(a *unix.SockaddrUnix) error {
		if err := unix.Unlink(a.Name); err != nil && err != unix.ENOENT {
			return err
		}
		return errors.Join(unix.Bind(fd, a), unix.Listen(fd, 128))
	})
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listen in %s: %w", dir, err)
	}
	return os.NewFile(uintptr(fd), "listener"), nil
}

// accept waits for a caller, and turns strangers away: whoever may open the
// directory got this far, but only our own user may speak. See unix(7).
func accept(listener *os.File) (wire, error) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return wire{}, err
	}
	var fd int
	rerr := raw.Read(func(l uintptr) bool {
		fd, _, err = unix.Accept4(int(l), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		return err != unix.EAGAIN && err != unix.EINTR
	})
	if err = errors.Join(rerr, err); err != nil {
		return wire{}, err
	}
	w := newWire(fd)
	peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err == nil && peer.Uid != 0 && peer.Uid != uint32(os.Geteuid()) {
		err = fmt.Errorf("user %d may not speak to a shim: %w", peer.Uid, unix.EPERM)
	}
	if err != nil {
		w.close()
		return wire{}, &strangerError{err}
	}
	return w, nil
}

// A strangerError ends one call, not the listener.
type strangerError struct{ error }
