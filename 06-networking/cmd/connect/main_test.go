package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"drydock/01-namespaces/sandboxtest"
)

func TestMain(m *testing.M) {
	sandboxtest.Main(m, map[string]func() int{"serve": serve, "call": call})
}

// serve tells everybody who they are.
func serve() int {
	l, err := net.Listen("tcp4", ":80")
	if err != nil {
		return 1
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return 1
		}
		fmt.Fprintf(c, "you are %s", c.RemoteAddr().(*net.TCPAddr).IP)
		c.Close()
	}
}

// call asks PEER, as soon as it listens, and leaves the answer in a file.
func call() int {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		c, err := net.DialTimeout("tcp4", os.Getenv("PEER")+":80", time.Second)
		if err != nil {
			continue
		}
		b, err := io.ReadAll(c)
		if err != nil || os.WriteFile("/tmp/answer", b, 0o644) != nil {
			return 1
		}
		return 7
	}
	return 2
}

func TestTwoBoxesTalk(t *testing.T) {
	sandboxtest.NeedRoot(t)
	root := sandboxtest.Root(t, "serve", "call")
	code, err := run(root, []string{"/bin/serve"}, []string{"/bin/call"})
	require.NoError(t, err)
	require.Equal(t, 7, code)
	answer, err := os.ReadFile(root + "/tmp/answer")
	require.NoError(t, err)
	require.Equal(t, "you are 172.17.0.3", string(answer))
	if _, err := netlink.LinkByName("connect0"); err == nil {
		t.Error("the switch was left behind")
	}
}

func TestAProgramThatIsNotThere(t *testing.T) {
	sandboxtest.NeedRoot(t)
	_, err := run(sandboxtest.Root(t, "serve"), []string{"/bin/serve"}, []string{"/bin/missing"})
	require.ErrorContains(t, err, "/bin/missing")
	if _, err := netlink.LinkByName("connect0"); err == nil {
		t.Error("the switch was left behind")
	}
}
