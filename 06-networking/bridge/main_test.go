package bridge_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"drydock/01-namespaces/sandboxtest"
	"drydock/06-networking/bridge"
	"drydock/06-networking/internal/netnstest"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, nil) }

// open makes a driver with its own directory; it is closed with the test, and
// the host must then look as before.
func open(t *testing.T, c bridge.Config) *bridge.Driver {
	t.Helper()
	sandboxtest.NeedRoot(t)
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	before := host(t)
	d, err := bridge.Open(c)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, d.Close())
		if after := host(t); after != before {
			t.Errorf("the host was not left as it was.\nbefore: %s\nafter:  %s", before, after)
		}
	})
	return d
}

// host is what must not change: bridges and whether it forwards.
func host(t *testing.T) string {
	t.Helper()
	links, err := netlink.LinkList()
	require.NoError(t, err)
	var names []string
	for _, l := range links {
		if l.Type() == "bridge" {
			names = append(names, l.Attrs().Name)
		}
	}
	return "forward " + read(t, "/proc/sys/net/ipv4/ip_forward") + " bridges " + strings.Join(names, " ")
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	return strings.TrimSpace(string(b))
}

// box is a namespace on a network.
type box struct {
	netns string
	lease bridge.Lease
	files []*os.File // hold the ports
}

// release lets the ports go, as the end of a shim does.
func (b box) release() {
	for _, f := range b.files {
		f.Close()
	}
}

func (b box) ip() string { return b.lease.Address.Addr().String() }

// connect makes a namespace and connects it; ports are reserved first. It is
// disconnected with the test.
func connect(t *testing.T, d *bridge.Driver, network string, ports ...bridge.Port) box {
	t.Helper()
	ports, files, err := d.Reserve(ports)
	require.NoError(t, err)
	b := box{netns: netnstest.New(t), files: files}
	t.Cleanup(b.release)
	b.lease, err = d.Connect(network, b.netns, bridge.Endpoint{ID: "c0ffee", Ports: ports})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Disconnect(b.lease)) })
	return b
}
