package bridge_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"drydock/06-networking/bridge"
	"drydock/06-networking/internal/netnstest"
)

func TestTwoNamespacesTalkOverTheBridge(t *testing.T) {
	d := open(t, bridge.Config{})
	a, b := connect(t, d, "bridge"), connect(t, d, "bridge")
	netnstest.Serve(t, b.netns, ":80", "hello")
	got, err := netnstest.Ask(t, a.netns, b.ip()+":80")
	require.NoError(t, err)
	if got != "hello "+a.ip() {
		t.Errorf("b answered %q; neighbours on one switch see each other's own address %s", got, a.ip())
	}
}

func TestWhatANamespaceGets(t *testing.T) {
	d := open(t, bridge.Config{BIP: netip.MustParsePrefix("10.99.0.1/24")})
	b := connect(t, d, "bridge")
	require.Equal(t, "10.99.0.2/24", b.lease.Address.String())
	netnstest.In(t, b.netns, func() error {
		eth0, err := netlink.LinkByName("eth0")
		require.NoError(t, err)
		require.Equal(t, "02:42:0a:63:00:02", eth0.Attrs().HardwareAddr.String())
		require.Equal(t, b.lease.MAC, eth0.Attrs().HardwareAddr.String())
		routes, err := netlink.RouteList(eth0, netlink.FAMILY_V4)
		require.NoError(t, err)
		found := false
		for _, r := range routes {
			found = found || r.Gw.String() == "10.99.0.1"
		}
		if !found {
			t.Errorf("no default route by 10.99.0.1 in %v: the namespace has no way out", routes)
		}
		return nil
	})
	_, err := netnstest.Ask(t, b.netns, "127.0.0.1:9")
	require.ErrorContains(t, err, "refused", "lo must be up")
}

func TestAskingForAddressAndMAC(t *testing.T) {
	d := open(t, bridge.Config{BIP: netip.MustParsePrefix("10.99.0.1/24")})
	e := bridge.Endpoint{ID: "c0ffee", IP: netip.MustParseAddr("10.99.0.77"), MAC: "02:42:00:00:00:77", Name: "net0"}
	l, err := d.Connect("bridge", netnstest.New(t), e)
	require.NoError(t, err)
	require.Equal(t, "10.99.0.77/24 02:42:00:00:00:77 net0", l.Address.String()+" "+l.MAC+" "+l.Interface)
	_, err = d.Connect("bridge", netnstest.New(t), e)
	require.EqualError(t, err, "network bridge: Address already in use")
	require.NoError(t, d.Disconnect(l))
	l, err = d.Connect("bridge", netnstest.New(t), e)
	require.NoError(t, err, "the address was given back")
	require.NoError(t, d.Disconnect(l))
	require.NoError(t, d.Disconnect(l), "once more is no error")
}

func TestAFailedConnectLeavesNothingBehind(t *testing.T) {
	d := open(t, bridge.Config{BIP: netip.MustParsePrefix("10.99.0.1/30")})
	for _, c := range []struct {
		name, netns, want string
		e                 bridge.Endpoint
	}{
		{"no namespace", "/proc/self/ns/missing", "open network namespace", bridge.Endpoint{ID: "c0ffee"}},
		{"no namespace of network", "/proc/self/ns/uts", "make cable", bridge.Endpoint{ID: "c0ffee"}},
		{"the name is taken", netnstest.New(t), "lo", bridge.Endpoint{ID: "c0ffee", Name: "lo"}},
		{"bad MAC", netnstest.New(t), "invalid MAC address: 02:42", bridge.Endpoint{MAC: "02:42"}},
		{"long name", netnstest.New(t), "at most 15 characters", bridge.Endpoint{Name: "a-very-long-name"}},
		{"not reserved", netnstest.New(t), "was not reserved", bridge.Endpoint{Ports: []bridge.Port{{ContainerPort: 80, Protocol: "tcp"}}}},
	} {
		before := cables(t)
		_, err := d.Connect("bridge", c.netns, c.e)
		require.ErrorContains(t, err, c.want, c.name)
		for name := range cables(t) {
			if !before[name] {
				t.Errorf("%s: cable %s was left behind", c.name, name)
			}
		}
	}
	connect(t, d, "bridge") // the one address of a /30 must still be there
	_, err := d.Connect("bridge", netnstest.New(t), bridge.Endpoint{})
	require.ErrorContains(t, err, "no available addresses")
}

// cables are the veths of the host. Those of other tests may still be going.
func cables(t *testing.T) map[string]bool {
	t.Helper()
	links, err := netlink.LinkList()
	require.NoError(t, err)
	found := map[string]bool{}
	for _, l := range links {
		if l.Type() == "veth" {
			found[l.Attrs().Name] = true
		}
	}
	return found
}

func TestASecondNetworkKeepsTheFirstWayOut(t *testing.T) {
	d := open(t, bridge.Config{})
	_, err := d.Create(bridge.Network{Name: "back"})
	require.NoError(t, err)
	b := connect(t, d, "bridge")
	l, err := d.Connect("back", b.netns, bridge.Endpoint{ID: "c0ffee", Name: "eth1"})
	require.NoError(t, err)
	require.NoError(t, d.Unplug(l))
	require.NoError(t, d.Disconnect(l))
	netnstest.In(t, b.netns, func() error {
		_, err := netlink.LinkByName("eth1")
		require.Error(t, err, "unplugged, but still there")
		_, err = netlink.LinkByName("eth0")
		return err
	})
}
