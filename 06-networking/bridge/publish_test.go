package bridge_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"drydock/06-networking/bridge"
	"drydock/06-networking/internal/netnstest"
)

// tcp publishes port 80 of a container.
func tcp(ip string, host uint16) bridge.Port {
	p := bridge.Port{HostPort: host, ContainerPort: 80, Protocol: "tcp"}
	if ip != "" {
		p.HostIP = netip.MustParseAddr(ip)
	}
	return p
}

// lan puts a machine on a wire with the host, 10.50.0.1: another namespace at
// 10.50.0.2, whose way to everywhere leads through the host.
func lan(t *testing.T) string {
	t.Helper()
	netns := netnstest.New(t)
	file, err := os.Open(netns)
	require.NoError(t, err)
	defer file.Close()
	wire := &netlink.Veth{LinkAttrs: netlink.NewLinkAttrs(), PeerName: "eth0", PeerNamespace: netlink.NsFd(file.Fd())}
	wire.Name = "lan0"
	require.NoError(t, netlink.LinkAdd(wire))
	t.Cleanup(func() { require.NoError(t, netlink.LinkDel(wire)) })
	address(t, "lan0", "10.50.0.1/24")
	netnstest.In(t, netns, func() error {
		address(t, "eth0", "10.50.0.2/24")
		return netlink.RouteAdd(&netlink.Route{Gw: net.ParseIP("10.50.0.1")})
	})
	return netns
}

func address(t *testing.T, link, cidr string) {
	t.Helper()
	l, err := netlink.LinkByName(link)
	require.NoError(t, err)
	a, err := netlink.ParseAddr(cidr)
	require.NoError(t, err)
	require.NoError(t, netlink.AddrAdd(l, a))
	require.NoError(t, netlink.LinkSetUp(l))
}

// asks is one row of a table: who asks for what, and what must come of it.
type asks struct{ who, from, source, address, want string }

// try asks all at once; want is what the server says, or "" when nothing may
// come through.
func try(t *testing.T, rows []asks) {
	t.Helper()
	t.Run("ask", func(t *testing.T) {
		for _, r := range rows {
			t.Run(r.who+" for "+r.address, func(t *testing.T) {
				t.Parallel()
				r.check(t)
			})
		}
	})
}

func (r asks) check(t *testing.T) {
	call := netnstest.Call{Netns: r.from, Source: r.source, Address: r.address, Patience: 5 * time.Second}
	if r.want == "" { // an answer within one machine takes microseconds
		call.Patience = 300 * time.Millisecond
	}
	got, err := call.Ask(t)
	switch {
	case r.want == "" && err == nil:
		t.Errorf("was answered %q; nobody may come through here", got)
	case r.want != "" && err != nil:
		t.Errorf("no answer: %v", err)
	case got != r.want:
		t.Errorf("was answered %q, want %q", got, r.want)
	}
}

// Whether bridged packets pass the firewall as well is a setting of the host,
// which other software turns on. Published ports must work both ways.
func TestAPublishedPortIsReachedFromEverywhere(t *testing.T) {
	const setting = "/proc/sys/net/bridge/bridge-nf-call-iptables"
	if _, err := os.Stat(setting); err != nil {
		reachedFromEverywhere(t)
		return
	}
	before := read(t, setting)
	defer os.WriteFile(setting, []byte(before), 0o644)
	for _, value := range []string{"0", "1"} {
		require.NoError(t, os.WriteFile(setting, []byte(value), 0o644))
		t.Run("bridge-nf-call-iptables="+value, reachedFromEverywhere)
	}
}

func reachedFromEverywhere(t *testing.T) {
	d := open(t, bridge.Config{BIP: netip.MustParsePrefix("10.99.0.1/24")})
	outside := lan(t)
	_, err := d.Create(bridge.Network{Name: "back", Subnet: netip.MustParsePrefix("10.98.0.0/24")})
	require.NoError(t, err)
	web := connect(t, d, "bridge", tcp("", 8080))
	neighbour, stranger := connect(t, d, "bridge"), connect(t, d, "back")
	netnstest.Serve(t, web.netns, ":80", "web")
	try(t, []asks{
		{"the host", "", "", "127.0.0.1:8080", "web 10.99.0.1"},
		{"the host", "", "", "10.50.0.1:8080", "web 10.50.0.1"},
		{"the host", "", "", "10.99.0.2:80", "web 10.99.0.1"},
		{"a machine outside", outside, "", "10.50.0.1:8080", "web 10.50.0.2"},
		{"a neighbour", neighbour.netns, "", "10.50.0.1:8080", "web 10.99.0.1"},
		{"a neighbour", neighbour.netns, "", "10.99.0.1:8080", "web 10.99.0.1"},
		{"the container itself", web.netns, "", "10.50.0.1:8080", "web 10.99.0.1"},
		{"another network", stranger.netns, "", "10.50.0.1:8080", "web 10.99.0.1"},
	})
	require.NoError(t, d.Disconnect(web.lease))
	try(t, []asks{
		{"after the end, the host", "", "", "127.0.0.1:8080", ""},
		{"after the end, a machine outside", outside, "", "10.50.0.1:8080", ""},
	})
}

// router makes the host one that forwards already: nothing but our own rules
// about containers stands between them and others.
func router(t *testing.T) {
	t.Helper()
	const setting = "/proc/sys/net/ipv4/ip_forward"
	require.NoError(t, os.WriteFile(setting, []byte("1"), 0o644))
	t.Cleanup(func() { require.NoError(t, os.WriteFile(setting, []byte("0"), 0o644)) })
}

func TestUnpublishedPortsAreNotReachable(t *testing.T) {
	router(t)
	d := open(t, bridge.Config{BIP: netip.MustParsePrefix("10.99.0.1/24")})
	outside := lan(t)
	_, err := d.Create(bridge.Network{Name: "back", Subnet: netip.MustParsePrefix("10.98.0.0/24")})
	require.NoError(t, err)
	web, stranger := connect(t, d, "bridge", tcp("", 8080)), connect(t, d, "back")
	netnstest.Serve(t, web.netns, ":80", "web")
	netnstest.Serve(t, web.netns, ":81", "private")
	try(t, []asks{
		{"a machine outside with a route", outside, "", "10.99.0.2:81", ""},
		{"a machine outside with a route, past the published port,", outside, "", "10.99.0.2:80", ""},
		{"another network", stranger.netns, "", "10.99.0.2:81", ""},
		{"another network, past the published port,", stranger.netns, "", "10.99.0.2:80", ""},
	})
}

// A client of a UDP port keeps its flow as long as it sends; the container
// that gets the port next must get the flow as well.
func TestAUDPFlowFollowsThePort(t *testing.T) {
	d := open(t, bridge.Config{BIP: netip.MustParsePrefix("10.99.0.1/24")})
	client, err := net.Dial("udp4", "127.0.0.1:5300")
	require.NoError(t, err)
	defer client.Close()
	for _, says := range []string{"first", "second"} {
		b := connect(t, d, "bridge", bridge.Port{HostPort: 5300, ContainerPort: 53, Protocol: "udp"})
		echo(t, b.netns, says)
		client.Write([]byte("who?"))
		client.SetReadDeadline(time.Now().Add(5 * time.Second))
		answer := make([]byte, 16)
		n, err := client.Read(answer)
		require.NoError(t, err, "no answer from the %s container", says)
		require.Equal(t, says, string(answer[:n]))
		require.NoError(t, d.Disconnect(b.lease))
		b.release()
	}
}

// echo answers each datagram to port 53 inside netns.
func echo(t *testing.T, netns, says string) {
	t.Helper()
	var c net.PacketConn
	netnstest.In(t, netns, func() (err error) {
		c, err = net.ListenPacket("udp4", ":53")
		return err
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for b := make([]byte, 16); ; {
			_, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			c.WriteTo([]byte(says), from)
		}
	}()
	t.Cleanup(func() { c.Close(); <-done })
}

func TestAContainerReachesTheWorldInTheHostsName(t *testing.T) {
	d := open(t, bridge.Config{})
	outside := lan(t)
	b := connect(t, d, "bridge")
	netnstest.Serve(t, outside, ":80", "world")
	try(t, []asks{{"a container", b.netns, "", "10.50.0.2:80", "world 10.50.0.1"}})
}

func TestAPortPublishedOnOneAddressIsOnlyThere(t *testing.T) {
	d := open(t, bridge.Config{BIP: netip.MustParsePrefix("10.99.0.1/24")})
	outside := lan(t)
	web := connect(t, d, "bridge", tcp("10.50.0.1", 8080))
	netnstest.Serve(t, web.netns, ":80", "web")
	try(t, []asks{
		{"the host", "", "", "10.50.0.1:8080", "web 10.50.0.1"},
		{"a machine outside", outside, "", "10.50.0.1:8080", "web 10.50.0.2"},
		{"the host", "", "", "127.0.0.1:8080", ""},
	})
}

// CVE-2025-54388 and the hardening of Docker 28: what is published on
// 127.0.0.1 is for the host alone.
func TestAPortPublishedOnLoopbackIsForTheHostAlone(t *testing.T) {
	d := open(t, bridge.Config{BIP: netip.MustParsePrefix("10.99.0.1/24")})
	outside := lan(t)
	web, neighbour := connect(t, d, "bridge", tcp("127.0.0.1", 8080)), connect(t, d, "bridge")
	netnstest.Serve(t, web.netns, ":80", "web")
	misdirect(t, outside)
	misdirect(t, neighbour.netns)
	try(t, []asks{
		{"the host", "", "", "127.0.0.1:8080", "web 10.99.0.1"},
		{"a neighbour, by the gateway,", neighbour.netns, "", "10.99.0.1:8080", ""},
		{"a neighbour, by another address of the host,", neighbour.netns, "", "10.50.0.1:8080", ""},
		{"a neighbour, sending 127.0.0.1 over the wire,", neighbour.netns, "", "127.0.0.1:8080", ""},
		{"a machine outside", outside, "", "10.50.0.1:8080", ""},
		{"a machine outside, with a route,", outside, "", "10.99.0.2:80", ""},
		{"a machine outside, sending 127.0.0.1 over the wire,", outside, "10.50.0.2", "127.0.0.1:8080", ""},
	})
}

// misdirect makes netns send packets for 127.0.0.0/8 over the wire, as an
// attacker would: lo goes down, and the default route gets them.
func misdirect(t *testing.T, netns string) {
	t.Helper()
	netnstest.In(t, netns, func() error {
		lo, err := netlink.LinkByName("lo")
		require.NoError(t, err)
		addresses, err := netlink.AddrList(lo, netlink.FAMILY_V4)
		require.NoError(t, err)
		for _, a := range addresses {
			require.NoError(t, netlink.AddrDel(lo, &a))
		}
		require.NoError(t, netlink.LinkSetDown(lo))
		return os.WriteFile("/proc/sys/net/ipv4/conf/all/route_localnet", []byte("1"), 0o644)
	})
}

// CVE-2020-8558: the bridge has route_localnet, and a container must not
// profit from it.
func TestAContainerDoesNotReachTheHostsLoopback(t *testing.T) {
	d := open(t, bridge.Config{BIP: netip.MustParsePrefix("10.99.0.1/24")})
	web, thief := connect(t, d, "bridge", tcp("127.0.0.1", 8080)), connect(t, d, "bridge")
	netnstest.Serve(t, web.netns, ":80", "web")
	netnstest.Serve(t, "", "127.0.0.1:9999", "secret")
	netnstest.Serve(t, "", "10.99.0.1:9998", "open")
	misdirect(t, thief.netns)
	netnstest.In(t, thief.netns, func() error { address(t, "eth0", "127.0.0.9/32"); return nil })
	try(t, []asks{
		{"the host", "", "", "127.0.0.1:9999", "secret 127.0.0.1"},
		{"a container", thief.netns, "", "127.0.0.1:9999", ""},
		{"a container", thief.netns, "", "127.1.2.3:9999", ""},
		{"a container as 10.99.0.3", thief.netns, "10.99.0.3", "127.0.0.1:9999", ""},
		{"a container as 127.0.0.9", thief.netns, "127.0.0.9", "127.0.0.1:9999", ""},
		{"a container as 127.0.0.9", thief.netns, "127.0.0.9", "10.99.0.1:9998", ""},
		{"a container", thief.netns, "", "10.99.0.1:9999", ""},
		{"a container, what is meant for it,", thief.netns, "10.99.0.3", "10.99.0.1:9998", "open 10.99.0.3"},
	})
}

func TestAnInternalNetworkHasNoWayInOrOut(t *testing.T) {
	router(t)
	d := open(t, bridge.Config{BIP: netip.MustParsePrefix("10.99.0.1/24")})
	outside := lan(t)
	_, err := d.Create(bridge.Network{Name: "dark", Subnet: netip.MustParsePrefix("10.97.0.0/24"), Internal: true})
	require.NoError(t, err)
	a, b := connect(t, d, "dark", tcp("", 8080)), connect(t, d, "dark")
	netnstest.Serve(t, a.netns, ":80", "dark")
	netnstest.Serve(t, outside, ":80", "world")
	netnstest.In(t, b.netns, func() error { // it may well try
		return netlink.RouteAdd(&netlink.Route{Gw: net.ParseIP("10.97.0.1")})
	})
	try(t, []asks{
		{"a neighbour", b.netns, "", "10.97.0.2:80", "dark 10.97.0.3"},
		{"a container", b.netns, "", "10.50.0.2:80", ""},
		{"a machine outside", outside, "", "10.50.0.1:8080", ""},
		{"a machine outside", outside, "", "10.97.0.2:80", ""},
	})
}

// Where the host was no router, containers are no reason to make it one for
// others.
func TestAHostThatWasNoRouterForwardsNothingOfOthers(t *testing.T) {
	require.Equal(t, "0", read(t, "/proc/sys/net/ipv4/ip_forward"), "a new namespace does not forward")
	d := open(t, bridge.Config{})
	outside, other := lan(t), netnstest.New(t)
	file, err := os.Open(other)
	require.NoError(t, err)
	defer file.Close()
	wire := &netlink.Veth{LinkAttrs: netlink.NewLinkAttrs(), PeerName: "eth0", PeerNamespace: netlink.NsFd(file.Fd())}
	wire.Name = "lan1"
	require.NoError(t, netlink.LinkAdd(wire))
	defer netlink.LinkDel(wire)
	address(t, "lan1", "10.51.0.1/24")
	netnstest.In(t, other, func() error {
		address(t, "eth0", "10.51.0.2/24")
		return netlink.RouteAdd(&netlink.Route{Gw: net.ParseIP("10.51.0.1")})
	})
	netnstest.Serve(t, other, ":80", "other")
	connect(t, d, "bridge")
	require.Equal(t, "1", read(t, "/proc/sys/net/ipv4/ip_forward"))
	try(t, []asks{{"one wire", outside, "", "10.51.0.2:80", ""}})
}

func TestWhoHasAPortAlready(t *testing.T) {
	d := open(t, bridge.Config{})
	connect(t, d, "bridge", tcp("", 8080))
	netnstest.Serve(t, "", "127.0.0.1:8081", "foreign")
	for _, c := range []struct {
		port bridge.Port
		want string
	}{
		{tcp("", 8080), "Bind for 0.0.0.0:8080 failed: port is already allocated"},
		{tcp("127.0.0.1", 8080), "Bind for 127.0.0.1:8080 failed: port is already allocated"},
		{tcp("127.0.0.1", 8081), "failed to bind host port for 127.0.0.1:8081/tcp: address already in use"},
		{tcp("", 8081), "failed to bind host port for 0.0.0.0:8081/tcp: address already in use"},
		{tcp("10.1.1.1", 8082), "failed to bind host port for 10.1.1.1:8082/tcp: cannot assign requested address"},
		{tcp("::1", 8082), "failed to bind host port for [::1]:8082/tcp: only IPv4 addresses can be published on"},
		{bridge.Port{HostPort: 1, Protocol: "smtp"}, `failed to bind host port for 0.0.0.0:1/smtp: unknown protocol "smtp"`},
	} {
		_, _, err := d.Reserve([]bridge.Port{tcp("", 8090), c.port})
		require.EqualError(t, err, c.want)
		if got := errors.Is(err, bridge.ErrAllocated); got != (c.port.HostPort == 8080) {
			t.Errorf("%v: is ErrAllocated: %v", err, got)
		}
	}
	_, files, err := d.Reserve([]bridge.Port{tcp("", 8090)})
	require.NoError(t, err, "what was reserved before an error is free again")
	files[0].Close()
}

// A server of the host that starts after the container must be told that the
// port is taken, even if it asks for SO_REUSEADDR, as Go's servers do.
func TestAReservedPortIsHeldAgainstServers(t *testing.T) {
	d := open(t, bridge.Config{})
	ports, files, err := d.Reserve([]bridge.Port{tcp("", 0), {ContainerPort: 53, Protocol: "udp"}})
	require.NoError(t, err)
	for i, network := range []string{"tcp4", "udp4"} {
		if ports[i].HostPort == 0 {
			t.Fatalf("no port was picked for %s", network)
		}
		address := fmt.Sprintf("127.0.0.1:%d", ports[i].HostPort)
		require.ErrorContains(t, listen(network, address), "address already in use")
		require.NoError(t, files[i].Close())
		require.NoError(t, listen(network, address), "closing the file lets the port go")
	}
}

func listen(network, address string) error {
	if network == "udp4" {
		c, err := net.ListenPacket(network, address)
		if err == nil {
			c.Close()
		}
		return err
	}
	l, err := net.Listen(network, address)
	if err == nil {
		l.Close()
	}
	return err
}

// After a server has closed its connections, they linger for a minute; the
// port can be published nevertheless.
func TestAPortWithNothingButOldConnectionsCanBeReserved(t *testing.T) {
	d := open(t, bridge.Config{})
	l, err := net.Listen("tcp4", "127.0.0.1:8085")
	require.NoError(t, err)
	client, err := net.Dial("tcp4", "127.0.0.1:8085")
	require.NoError(t, err)
	server, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, server.Close()) // who closes first waits
	_, err = client.Read(make([]byte, 1))
	require.Error(t, err)
	require.NoError(t, client.Close())
	require.NoError(t, l.Close())
	_, files, err := d.Reserve([]bridge.Port{tcp("", 8085)})
	require.NoError(t, err)
	files[0].Close()
}
