package api

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"

	"github.com/moby/moby/api/types/common"
	"golang.org/x/sys/unix"
)

// The media types of hijacked connections.
const (
	rawStream         = "application/vnd.docker.raw-stream"
	multiplexedStream = "application/vnd.docker.multiplexed-stream"
)

// streamType is the media type of a container's output. Before API 1.42 it
// was called raw in either case.
func streamType(r *http.Request, terminal bool) string {
	if terminal || !AtLeast(r, "1.42") {
		return rawStream
	}
	return multiplexedStream
}

// A server of a hijacked connection takes conn over. It calls greet once, when
// the client has its place and before anything else is written to conn: a
// client that is told too early starts the container, and misses output.
type serve func(conn *os.File, greet func() error) error

// hijack takes the connection out of the server's hands and calls serve with
// a descriptor of it. Greeting means to answer that it is a stream from now
// on: a client that asked for "Upgrade: tcp" is told 101, others 200.
//
// Where the connection is a plain socket, its descriptor goes to the shim and
// outlives this daemon. Where it is not (TLS, or the client has sent more than
// its request already), a pair of sockets and two copies stand between.
func hijack(w http.ResponseWriter, r *http.Request, contentType string, serve serve) error {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return fmt.Errorf("take the connection over: %w", err)
	}
	defer conn.Close()
	greeted := false
	greet := func() error {
		greeted = true
		_, err := io.WriteString(conn, greeting(r, contentType, w.Header()))
		return err
	}
	if file := descriptor(conn, buffered.Reader); file != nil {
		err = serve(file, greet)
	} else {
		err = relay(conn, buffered.Reader, func(pair *os.File) error { return serve(pair, greet) })
	}
	if err != nil && !greeted {
		refuse(conn, err)
	}
	return answered(err)
}

// refuse answers a client that was not greeted: the container went between
// the question and the answer.
func refuse(conn net.Conn, err error) {
	text, _ := json.Marshal(common.ErrorResponse{Message: err.Error()}) // a string cannot fail
	status := statusOf(err)
	fmt.Fprintf(conn, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, http.StatusText(status), len(text), text)
}

// answered drops an error: the client has its status line already, and was
// told the rest on the stream.
func answered(error) error { return nil }

func greeting(r *http.Request, contentType string, h http.Header) string {
	head := "HTTP/1.1 200 OK\r\nContent-Type: " + contentType + "\r\n"
	if r.Header.Get("Upgrade") != "" {
		head = "HTTP/1.1 101 UPGRADED\r\nContent-Type: " + contentType + "\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
	}
	for _, name := range []string{"Api-Version", "Docker-Experimental", "Ostype", "Server"} {
		if v := h.Get(name); v != "" {
			head += name + ": " + v + "\r\n"
		}
	}
	return head + "\r\n"
}

// descriptor is a second descriptor of a plain socket, nil for anything else,
// and for one of which a part was read already.
func descriptor(conn net.Conn, read *bufio.Reader) *os.File {
	plain, ok := conn.(interface{ File() (*os.File, error) })
	if !ok || read.Buffered() > 0 {
		return nil
	}
	f, err := plain.File()
	if err != nil {
		return nil
	}
	return f
}

// relay stands between a connection that is no plain socket and the shim. It
// ends when either lets go of its end.
func relay(conn net.Conn, rest *bufio.Reader, serve func(*os.File) error) error {
	ours, theirs, err := socketpair()
	if err != nil {
		return err
	}
	defer ours.Close()
	if err := serve(theirs); err != nil {
		return err
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		io.Copy(ours, rest)
		ours.CloseWrite() // the program sees the end of its input
		if hungUp(conn) {
			ours.Close()
		}
	})
	io.Copy(conn, ours)
	conn.Close()
	wg.Wait()
	return nil
}

// socketpair makes one end to copy with, and one to give away. See
// socketpair(2).
func socketpair() (ours *net.UnixConn, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make a pair of sockets: %w", err)
	}
	near, far := os.NewFile(uintptr(pair[0]), "relay"), os.NewFile(uintptr(pair[1]), "relay")
	defer near.Close() // FileConn has one of its own
	conn, err := net.FileConn(near)
	if err != nil {
		return nil, nil, errors.Join(err, far.Close())
	}
	return conn.(*net.UnixConn), far, nil
}

// hungUp waits until the other side has closed both directions, and says
// whether it has: false means that conn was closed here. A client that only
// ended its input still wants to read, and a silent container never writes, so
// that no error would tell. See poll(2), POLLHUP.
func hungUp(conn net.Conn) bool {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	plain, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := plain.SyscallConn()
	if err != nil {
		return false
	}
	return raw.Read(func(fd uintptr) bool {
		ask := []unix.PollFd{{Fd: int32(fd)}}
		n, _ := unix.Poll(ask, 0)
		return n > 0 && ask[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
	}) == nil
}

// descriptorCopy is one more descriptor of conn, to speak on after conn was
// given away; nil if there is none to be had.
func descriptorCopy(conn *os.File) *os.File {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil
	}
	copied := -1
	raw.Control(func(fd uintptr) {
		if n, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			copied = n
		}
	})
	if copied < 0 {
		return nil
	}
	return os.NewFile(uintptr(copied), "client")
}
