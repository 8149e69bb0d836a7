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
	return AskFrom(t, netns, "", address)
}

// AskFrom does the same with a source address of one's own choice.
func AskFrom(t testing.TB, netns, source, address string) (string, error) {
	t.Helper()
	d := net.Dialer{Timeout: patience}
	if source != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(source)}
	}
	var c net.Conn
	var err error
	at(t, netns, func() error {
		c, err = d.Dial("tcp4", address)
		return nil
	})
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	b, err := io.ReadAll(c)
	return string(b), err
}

// patience is how long a packet that is dropped is waited for. It does not
// decide about success: an answer inside one machine takes microseconds.
const patience = 700 * time.Millisecond

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
