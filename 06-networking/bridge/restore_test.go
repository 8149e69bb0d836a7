package bridge_test

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/nftables"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"drydock/06-networking/bridge"
	"drydock/06-networking/internal/netnstest"
)

// A driver that is simply dropped is what a daemon killed with -9 leaves.
func TestANewDriverTakesOverWhatTheOldOneLeft(t *testing.T) {
	c := bridge.Config{Dir: t.TempDir(), BIP: netip.MustParsePrefix("10.99.0.1/24")}
	open(t, c) // it checks at the end that the host is as before
	outside := lan(t)
	old, err := bridge.Open(c)
	require.NoError(t, err)
	_, err = old.Create(bridge.Network{Name: "idle"})
	require.NoError(t, err)
	unused, err := old.Connect("idle", netnstest.New(t), bridge.Endpoint{})
	require.NoError(t, err)
	require.NoError(t, old.Disconnect(unused))
	ports, files, err := old.Reserve([]bridge.Port{tcp("", 8080)})
	require.NoError(t, err)
	defer files[0].Close()
	web := box{netns: netnstest.New(t)}
	web.lease, err = old.Connect("bridge", web.netns, bridge.Endpoint{Ports: ports})
	require.NoError(t, err)
	netnstest.Serve(t, web.netns, ":80", "web")
	reached := []asks{{"a machine outside", outside, "", "10.50.0.1:8080", "web 10.50.0.2"}}
	try(t, reached)

	d, err := bridge.Open(c)
	require.NoError(t, err)
	require.NoError(t, d.Restore([]bridge.Lease{web.lease}))
	try(t, reached)
	if bridges := host(t); strings.Contains(bridges, "br-") {
		t.Errorf("the bridge of a network without containers is still there: %s", bridges)
	}
	next := connect(t, d, "bridge")
	require.NotEqual(t, web.ip(), next.ip())
	_, _, err = d.Reserve([]bridge.Port{tcp("", 8080)})
	require.ErrorIs(t, err, bridge.ErrAllocated)
	require.NoError(t, d.Disconnect(web.lease))
	try(t, []asks{{"a machine outside", outside, "", "10.50.0.1:8080", ""}})
	require.NoError(t, d.Disconnect(next.lease))
	require.NoError(t, d.Close())
}

func TestRestoreWithoutContainersClearsEverything(t *testing.T) {
	c := bridge.Config{Dir: t.TempDir()}
	open(t, c) // it checks at the end that the host is as before
	old, err := bridge.Open(c)
	require.NoError(t, err)
	_, err = old.Connect("bridge", netnstest.New(t), bridge.Endpoint{})
	require.NoError(t, err)
	d, err := bridge.Open(c)
	require.NoError(t, err)
	require.NoError(t, d.Restore(nil))
	require.Equal(t, "0", read(t, "/proc/sys/net/ipv4/ip_forward"))
	require.Empty(t, tables(t))
	require.NoError(t, d.Close())
}

func tables(t *testing.T) (names []string) {
	t.Helper()
	c, err := nftables.New()
	require.NoError(t, err)
	all, err := c.ListTables()
	require.NoError(t, err)
	for _, table := range all {
		names = append(names, table.Name)
	}
	return names
}

func TestLeasesThatCannotBeRestoredAreNamed(t *testing.T) {
	d := open(t, bridge.Config{BIP: netip.MustParsePrefix("10.99.0.1/24")})
	b := connect(t, d, "bridge")
	gone, twice, wrong := b.lease, b.lease, b.lease
	gone.Network, twice.ID, wrong.ID = "gone", "other", "wrong"
	wrong.Address = netip.MustParsePrefix("10.1.1.1/24")
	err := d.Restore([]bridge.Lease{gone, twice, wrong})
	require.ErrorContains(t, err, "network gone not found")
	require.ErrorContains(t, err, "restore lease of 10.99.0.2/24 in network bridge: Address already in use")
	require.ErrorContains(t, err, "restore lease of 10.1.1.1/24")
	connect(t, d, "bridge") // and it goes on
}

func TestCloseLeavesTheContainersTheirNetwork(t *testing.T) {
	c := bridge.Config{Dir: t.TempDir()}
	open(t, c) // it checks at the end that the host is as before
	second, err := bridge.Open(c)
	require.NoError(t, err)
	l, err := second.Connect("bridge", netnstest.New(t), bridge.Endpoint{})
	require.NoError(t, err)
	require.NoError(t, second.Close())
	_, err = netlink.LinkByName(l.HostLink)
	require.NoError(t, err, "the cable of a running container must stay")
	require.Equal(t, []string{"drydock0"}, tables(t))
	third, err := bridge.Open(c)
	require.NoError(t, err)
	require.NoError(t, third.Restore(nil))
	require.NoError(t, third.Close())
}

// A reload of the host's firewall flushes every table, ours too.
func TestFlushedRulesAreWrittenAgain(t *testing.T) {
	d := open(t, bridge.Config{})
	first := connect(t, d, "bridge", tcp("", 8080))
	netnstest.Serve(t, first.netns, ":80", "first")
	flush(t)
	second := connect(t, d, "bridge", tcp("", 8081))
	netnstest.Serve(t, second.netns, ":80", "second")
	for address, want := range map[string]string{"127.0.0.1:8080": "first ", "127.0.0.1:8081": "second "} {
		got, err := netnstest.Ask(t, "", address)
		require.NoError(t, err)
		require.Contains(t, got, want)
	}
	flush(t)
	require.NoError(t, d.Disconnect(second.lease))
	_, err := netnstest.Ask(t, "", "127.0.0.1:8080")
	require.NoError(t, err, "the other container's port")
}

func flush(t *testing.T) {
	t.Helper()
	c, err := nftables.New()
	require.NoError(t, err)
	c.FlushRuleset()
	require.NoError(t, c.Flush())
}

func TestAForeignFirewallThatDropsIsNamedWithTheCure(t *testing.T) {
	d := open(t, bridge.Config{})
	outside, b := lan(t), connect(t, d, "bridge")
	netnstest.Serve(t, outside, ":80", "world")
	require.Empty(t, d.Warnings())
	c, err := nftables.New()
	require.NoError(t, err)
	foreign := c.AddTable(&nftables.Table{Name: "ufw", Family: nftables.TableFamilyINet})
	policy := nftables.ChainPolicyDrop
	c.AddChain(&nftables.Chain{Name: "ufw-forward", Table: foreign, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter, Policy: &policy})
	require.NoError(t, c.Flush())
	defer func() { c.DelTable(foreign); require.NoError(t, c.Flush()) }()
	try(t, []asks{{"a container", b.netns, "", "10.50.0.2:80", ""}})
	warnings := d.Warnings()
	require.Len(t, warnings, 1)
	_, command, found := strings.Cut(warnings[0], "To let it through: ")
	require.True(t, found, warnings[0])
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("nft is not installed: the command cannot be tried")
	}
	out, err := exec.Command("sh", "-c", command).CombinedOutput()
	require.NoError(t, err, "%s: %s", command, out)
	try(t, []asks{{"a container, after the command,", b.netns, "", "10.50.0.2:80", "world 10.50.0.1"}})
}

func TestNetworksAreKept(t *testing.T) {
	dir := t.TempDir()
	d := open(t, bridge.Config{Dir: dir})
	made, err := d.Create(bridge.Network{Name: "back", Labels: map[string]string{"a": "b"}})
	require.NoError(t, err)
	again, err := bridge.Open(bridge.Config{Dir: dir})
	require.NoError(t, err)
	defer again.Close()
	var names []string
	for _, n := range again.List() {
		names = append(names, n.Name)
	}
	require.Equal(t, []string{"back", "bridge"}, names)
	for _, name := range []string{"back", made.ID, made.ID[:10]} {
		n, err := again.Find(name)
		require.NoError(t, err)
		require.Equal(t, made.Subnet, n.Subnet)
		require.Equal(t, "b", n.Labels["a"])
	}
	first, err := d.Find("bridge")
	require.NoError(t, err)
	same, err := again.Find("bridge")
	require.NoError(t, err)
	require.Equal(t, first.ID+first.Subnet.String(), same.ID+same.Subnet.String())
}

func TestNetworksThatCannotBe(t *testing.T) {
	d := open(t, bridge.Config{BIP: netip.MustParsePrefix("10.99.0.1/24")})
	_, err := d.Create(bridge.Network{Name: "back", Subnet: netip.MustParsePrefix("10.98.0.0/24"), Bridge: "br-back"})
	require.NoError(t, err)
	for _, c := range []struct {
		n    bridge.Network
		kind error
		want string
	}{
		{bridge.Network{Name: "back"}, fs.ErrExist, "network with name back already exists"},
		{bridge.Network{Name: "host"}, fs.ErrExist, "operation is not permitted on predefined host network"},
		{bridge.Network{Name: "../x"}, fs.ErrInvalid, "invalid name"},
		{bridge.Network{Name: "v6", Subnet: netip.MustParsePrefix("fd00::/64")}, fs.ErrInvalid, "only IPv4"},
		{bridge.Network{Name: "b", Bridge: "br-back"}, fs.ErrExist, "bridge br-back is in use by network back"},
		{bridge.Network{Name: "b", Bridge: strings.Repeat("b", 16)}, fs.ErrInvalid, "at most 15 characters"},
		{bridge.Network{Name: "b", Subnet: netip.MustParsePrefix("10.98.0.128/25")}, fs.ErrInvalid, "Pool overlaps"},
		{bridge.Network{Name: "b", Gateway: netip.MustParseAddr("10.1.1.1")}, nil, "no configured subnet contains"},
	} {
		_, err := d.Create(c.n)
		require.ErrorContains(t, err, c.want)
		if c.kind != nil && !errors.Is(err, c.kind) {
			t.Errorf("%v is not %v", err, c.kind)
		}
	}
	require.Len(t, d.List(), 2)
}

func TestDeletingNetworks(t *testing.T) {
	d := open(t, bridge.Config{})
	_, err := d.Create(bridge.Network{Name: "back"})
	require.NoError(t, err)
	b := connect(t, d, "back")
	require.ErrorContains(t, d.Delete("back"), "has active endpoints")
	require.NoError(t, d.Disconnect(b.lease))
	require.NoError(t, d.Delete("back"))
	require.ErrorIs(t, d.Delete("back"), fs.ErrNotExist)
	require.ErrorContains(t, d.Delete("bridge"), "pre-defined network and cannot be removed")
	_, err = d.Connect("back", b.netns, bridge.Endpoint{})
	require.EqualError(t, err, "network back not found")
}

// The operator may give us a bridge of his own; it stays his.
func TestAForeignBridgeIsUsedAndLeftAlone(t *testing.T) {
	theirs := &netlink.Bridge{LinkAttrs: netlink.NewLinkAttrs()}
	theirs.Name = "br0"
	require.NoError(t, netlink.LinkAdd(theirs))
	t.Cleanup(func() { require.NoError(t, netlink.LinkDel(theirs)) })
	address(t, "br0", "10.77.0.1/24")
	d := open(t, bridge.Config{Bridge: "br0"})
	b := connect(t, d, "bridge")
	require.Equal(t, "10.77.0.2/24", b.lease.Address.String())
	require.NoError(t, d.Disconnect(b.lease))
	require.NoError(t, d.Restore(nil))
	_, err := netlink.LinkByName("br0")
	require.NoError(t, err)
}

func TestOpenRefusesWhatItCannotUse(t *testing.T) {
	_, err := bridge.Open(bridge.Config{Dir: t.TempDir(), Bridge: "a-very-long-name-0"})
	require.ErrorContains(t, err, "at most 15 characters")
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "networks.json"), []byte("{"), 0o600))
	_, err = bridge.Open(bridge.Config{Dir: dir})
	require.ErrorContains(t, err, "networks.json")
	d, err := bridge.Open(bridge.Config{Dir: t.TempDir(), Bridge: "lo", BIP: netip.MustParsePrefix("10.99.0.1/24")})
	require.NoError(t, err)
	defer d.Close()
	_, err = d.Connect("bridge", netnstest.New(t), bridge.Endpoint{})
	require.ErrorContains(t, err, "not a bridge")
}
