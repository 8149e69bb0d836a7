package ipam_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/06-networking/ipam"
)

func pool(t *testing.T, subnet, gateway string) *ipam.Pool {
	t.Helper()
	p, err := ipam.New(netip.MustParsePrefix(subnet), netip.MustParseAddr(gateway))
	require.NoError(t, err)
	return p
}

var nothing netip.Addr

// A /29 has eight addresses: network, broadcast, gateway, and five to give.
func TestAllButThreeAddressesAreGivenOut(t *testing.T) {
	p := pool(t, "10.1.2.0/29", "10.1.2.1")
	for _, want := range []string{"10.1.2.2", "10.1.2.3", "10.1.2.4", "10.1.2.5", "10.1.2.6"} {
		got, err := p.Take(nothing)
		require.NoError(t, err)
		if got.String() != want {
			t.Errorf("took %s, the next free address is %s", got, want)
		}
	}
	if a, err := p.Take(nothing); !errors.Is(err, ipam.ErrFull) {
		t.Errorf("took %s (%v) from a subnet that is full", a, err)
	}
}

func TestAReleasedAddressRestsBeforeItIsUsedAgain(t *testing.T) {
	p := pool(t, "10.1.2.0/29", "10.1.2.1")
	first, err := p.Take(nothing)
	require.NoError(t, err)
	p.Release(first)
	for range 4 {
		next, err := p.Take(nothing)
		require.NoError(t, err)
		if next == first {
			t.Fatalf("%s was given out again while others were free: neighbours still know its old owner", first)
		}
	}
	again, err := p.Take(nothing)
	require.NoError(t, err)
	if again != first {
		t.Errorf("took %s, but only %s is left", again, first)
	}
}

func TestAskingForAnAddress(t *testing.T) {
	for _, c := range []struct{ name, ask, want string }{
		{"free", "10.1.2.9", ""},
		{"the gateway's", "10.1.2.1", "Address already in use"},
		{"the network's own", "10.1.2.0", "Address already in use"},
		{"broadcast", "10.1.2.255", "Address already in use"},
		{"another subnet's", "10.1.3.9", "no configured subnet contains IP address 10.1.3.9"},
		{"another family's", "fd00::9", "no configured subnet contains IP address fd00::9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := pool(t, "10.1.2.0/24", "10.1.2.1").Take(netip.MustParseAddr(c.ask))
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, c.want)
		})
	}
}

func TestSubnetsThatCannotBe(t *testing.T) {
	for _, c := range []struct{ subnet, gateway, want string }{
		{"10.1.2.3/24", "10.1.2.1", "10.1.2.3/24 is not a subnet"},
		{"10.1.2.0/31", "10.1.2.1", "subnet 10.1.2.0/31 has no room for a gateway and a container"},
		{"10.1.2.0/24", "10.1.3.1", "gateway 10.1.3.1: no configured subnet contains IP address 10.1.3.1"},
		{"10.1.2.0/24", "10.1.2.255", "gateway 10.1.2.255: Address already in use"},
	} {
		_, err := ipam.New(netip.MustParsePrefix(c.subnet), netip.MustParseAddr(c.gateway))
		require.EqualError(t, err, c.want)
	}
	_, err := ipam.New(netip.Prefix{}, nothing)
	require.Error(t, err)
}

func TestIPv6HasNoBroadcastAddress(t *testing.T) {
	p := pool(t, "fd00::/64", "fd00::1")
	got, err := p.Take(netip.MustParseAddr("fd00::ffff:ffff:ffff:ffff"))
	require.NoError(t, err)
	if next, err := p.Take(nothing); err != nil || next.String() != "fd00::2" {
		t.Errorf("after %s took %s (%v), want fd00::2", got, next, err)
	}
}

func TestFreeSubnetAvoidsTheHostsOwn(t *testing.T) {
	for _, c := range []struct {
		busy []string
		want string
	}{
		{nil, "172.17.0.0/16"},
		{[]string{"172.17.0.0/16"}, "172.18.0.0/16"},
		{[]string{"172.17.5.0/24", "172.16.0.0/15"}, "172.18.0.0/16"},
		{[]string{"172.17.200.1/32"}, "172.18.0.0/16"},
		{[]string{"172.16.0.0/12"}, "192.168.0.0/20"},
		{[]string{"172.16.0.0/12", "192.168.1.0/24"}, "192.168.16.0/20"},
	} {
		var busy []netip.Prefix
		for _, b := range c.busy {
			busy = append(busy, netip.MustParsePrefix(b))
		}
		got, err := ipam.Free(busy)
		require.NoError(t, err)
		if got.String() != c.want {
			t.Errorf("beside %v chose %s, want %s", c.busy, got, c.want)
		}
	}
	_, err := ipam.Free([]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")})
	require.EqualError(t, err, "all predefined address pools have been fully subnetted")
}

func TestMACIsLocalAndFollowsTheAddress(t *testing.T) {
	mac := ipam.MAC(netip.MustParseAddr("172.17.0.2"))
	if mac != [6]byte{0x02, 0x42, 172, 17, 0, 2} {
		t.Errorf("172.17.0.2 got %x", mac)
	}
	if mac[0]&3 != 2 {
		t.Errorf("%x is not a locally administered address of one station", mac)
	}
}

func TestReleasingTheGatewayDoesNotGiveItAway(t *testing.T) {
	p := pool(t, "10.1.2.0/29", "10.1.2.1")
	for _, a := range []string{"10.1.2.0", "10.1.2.1", "10.1.2.7"} {
		p.Release(netip.MustParseAddr(a))
		if _, err := p.Take(netip.MustParseAddr(a)); !errors.Is(err, ipam.ErrTaken) {
			t.Errorf("after a release, %s could be taken (%v)", a, err)
		}
	}
}

// FuzzPool plays a random game of takes and releases and checks the law: an
// address is never with two owners, never one that must not be given out, and
// what is released can be taken again.
func FuzzPool(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 1, 0, 0, 2, 3, 0, 0, 0, 0}, uint8(29))
	f.Add([]byte{2, 2, 2, 1, 2, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0}, uint8(28))
	f.Fuzz(func(t *testing.T, moves []byte, bits uint8) {
		subnet := netip.PrefixFrom(netip.MustParseAddr("10.0.0.0"), 24+int(bits)%7)
		p, err := ipam.New(subnet, netip.MustParseAddr("10.0.0.1"))
		require.NoError(t, err)
		g := game{t: t, pool: p, subnet: subnet, room: 1<<(32-subnet.Bits()) - 3, mine: map[netip.Addr]bool{}}
		for i, m := range moves {
			if m%3 == 1 {
				g.release(int(m) + i)
			} else {
				g.take(m)
			}
		}
	})
}

type game struct {
	t      *testing.T
	pool   *ipam.Pool
	subnet netip.Prefix
	room   int
	mine   map[netip.Addr]bool
	order  []netip.Addr
}

func (g *game) take(m byte) {
	ask := nothing
	if m%3 == 2 {
		ask = netip.AddrFrom4([4]byte{10, 0, 0, m})
	}
	a, err := g.pool.Take(ask)
	if err != nil {
		if !ask.IsValid() && len(g.mine) < g.room {
			g.t.Fatalf("refused an address with %d of %d given out: %v", len(g.mine), g.room, err)
		}
		return
	}
	if g.mine[a] {
		g.t.Fatalf("%s was given out twice", a)
	}
	if !g.subnet.Contains(a) || a == g.subnet.Addr() || a.As4()[3] == 1 || !g.subnet.Contains(a.Next()) {
		g.t.Fatalf("%s must not be given out in %s", a, g.subnet)
	}
	g.mine[a] = true
	g.order = append(g.order, a)
}

func (g *game) release(i int) {
	if len(g.order) == 0 {
		return
	}
	i %= len(g.order)
	a := g.order[i]
	g.order = append(g.order[:i], g.order[i+1:]...)
	g.pool.Release(a)
	delete(g.mine, a)
	if _, err := g.pool.Take(a); err != nil {
		g.t.Fatalf("%s was released and cannot be taken: %v", a, err)
	}
	g.pool.Release(a)
}
