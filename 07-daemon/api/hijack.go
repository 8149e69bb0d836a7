package api

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"

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
	greet := func() error {
		_, err := io.WriteString(conn, greeting(r, contentType, w.Header()))
		return err
	}
	if file := descriptor(conn); file != nil && buffered.Reader.Buffered() == 0 {
		return answered(serve(file, greet))
	}
	return answered(relay(conn, buffered.Reader, func(pair *os.File) error { return serve(pair, greet) }))
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

// descriptor is a second descriptor of a plain socket, nil for anything else.
func descriptor(conn net.Conn) *os.File {
	plain, ok := conn.(interface{ File() (*os.File, error) })
	if !ok {
		return nil
	}
	f, err := plain.File()
	if err != nil {
		return nil
	}
	return f
}

// relay stands between a connection that is no socket and the shim. It ends
// when the shim let go of its end.
func relay(conn net.Conn, rest *bufio.Reader, serve func(*os.File) error) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return fmt.Errorf("make a pair of sockets: %w", err)
	}
	ours, err := net.FileConn(os.NewFile(uintptr(pair[0]), "relay"))
	if err != nil {
		unix.Close(pair[0])
		unix.Close(pair[1])
		return err
	}
	if err := serve(os.NewFile(uintptr(pair[1]), "relay")); err != nil {
		return errors.Join(err, ours.Close())
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		io.Copy(ours, rest)
		if half, ok := ours.(*net.UnixConn); ok {
			half.CloseWrite() // the program sees the end of its input
		}
	})
	io.Copy(conn, ours)
	conn.Close()
	ours.Close()
	wg.Wait()
	return nil
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
