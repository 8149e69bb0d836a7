// Package netnstest gives tests network namespaces to connect, and programs
// that serve and call inside them.
package netnstest

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/namespace"
)

// New makes a network namespace and answers the file that stands for it. It
// is gone after the test. See unshare(2), setns(2).
func New(t testing.TB) string {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	check(t, err)
	defer home.Close()
	check(t, unix.Unshare(unix.CLONE_NEWNET))
	f, err := os.Open("/proc/thread-self/ns/net")
	check(t, unix.Setns(int(home.Fd()), unix.CLONE_NEWNET))
	check(t, err)
	t.Cleanup(func() { f.Close() })
	return fmt.Sprintf("/proc/self/fd/%d", f.Fd())
}

// In runs fn inside netns.
func In(t testing.TB, netns string, fn func() error) {
	t.Helper()
	check(t, namespace.Do(netns, fn))
}

// Serve answers each TCP connection to address inside netns ("" is here) with
// says and the address of who asked.
func Serve(t testing.TB, netns, address, says string) net.Addr {
	t.Helper()
	var l net.Listener
	at(t, netns, func() (err error) {
		l, err = net.Listen("tcp4", address)
		return err
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			peer, _, _ := net.SplitHostPort(c.RemoteAddr().String())
			fmt.Fprintf(c, "%s %s", says, peer)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr()
}

// Ask connects from inside netns ("" is here) and answers what a server of
// Serve said, or why there was no answer.
func Ask(t testing.TB, netns, address string) (string, error) {
	t.Helper()
	return Call{Netns: netns, Address: address, Patience: 5 * time.Second}.Ask(t)
}

// A Call is a question to a server of Serve.
type Call struct {
	Netns    string        // from where
	Source   string        // an address of one's own choice, or ""
	Address  string        // of the server
	Patience time.Duration // how long packets that are dropped are waited for
}

// Ask does as it says.
func (c Call) Ask(t testing.TB) (string, error) {
	t.Helper()
	d := net.Dialer{Timeout: c.Patience}
	if c.Source != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(c.Source)}
	}
	var conn net.Conn
	var err error
	at(t, c.Netns, func() error {
		conn, err = d.Dial("tcp4", c.Address)
		return nil
	})
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	b, err := io.ReadAll(conn)
	return string(b), err
}

func at(t testing.TB, netns string, fn func() error) {
	t.Helper()
	if netns == "" {
		check(t, fn())
		return
	}
	In(t, netns, fn)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
