// Package firewall keeps one nftables table of ours. It lets containers out,
// brings the published ports in, and keeps everybody else away from them. The
// rules never change: networks and ports are elements of sets and maps that
// the rules look up, so a packet pays the same for one port as for a thousand,
// and publishing a port sends the kernel one element.
//
// The table speaks of IPv4. What other tables of the host say is never
// touched; see ForwardDrops for what that means where a foreign one drops.
// See nft(8).
package firewall

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"golang.org/x/sys/unix"
)

// A Network is one of our bridges.
type Network struct {
	Bridge   string       // name of the interface
	Subnet   netip.Prefix // of its containers
	Internal bool         // nothing goes in or out
}

// A Port is published: what arrives at Host goes to Container.
type Port struct {
	Protocol  string         // "tcp", "udp" or "sctp"
	Host      netip.AddrPort // 0.0.0.0 is every address of this host
	Container netip.AddrPort
}

// Rules is everything that our table says. It is plain data; Table brings it
// to the kernel.
type Rules struct {
	Networks []Network
	Ports    []Port
	// Closed drops what is forwarded between interfaces that are not ours: it
	// is set where the host was no router before we needed it to be one.
	Closed bool
}

// sets are the sets and maps of the table.
type sets struct {
	bridges  *nftables.Set // names of our bridges
	internal *nftables.Set // those of internal networks
	pairs    *nftables.Set // each bridge with itself
	subnets  *nftables.Set // those of our bridges, as intervals
	any      *nftables.Set // ports published on every address
	bound    *nftables.Set // ports published on one address
}

// newSets names the sets of table t. The identifiers bind rules to sets that
// are made in the same batch. Names are in the byte order of the host, which
// matters only to nft(8) when it lists them.
func newSets(t *nftables.Table) sets {
	ifname, proto, addr, port := nftables.TypeIFName, nftables.TypeInetProto, nftables.TypeIPAddr, nftables.TypeInetService
	return sets{
		bridges:  &nftables.Set{Table: t, ID: 1, Name: "bridges", KeyType: ifname, KeyByteOrder: binaryutil.NativeEndian},
		internal: &nftables.Set{Table: t, ID: 2, Name: "internal", KeyType: ifname, KeyByteOrder: binaryutil.NativeEndian},
		pairs:    &nftables.Set{Table: t, ID: 3, Name: "pairs", Concatenation: true, KeyType: concat(ifname, ifname)},
		subnets:  &nftables.Set{Table: t, ID: 6, Name: "subnets", Interval: true, KeyType: addr},
		any: &nftables.Set{Table: t, ID: 4, Name: "any", Concatenation: true, IsMap: true,
			KeyType: concat(proto, port), DataType: concat(addr, port)},
		bound: &nftables.Set{Table: t, ID: 5, Name: "bound", Concatenation: true, IsMap: true,
			KeyType: concat(addr, proto, port), DataType: concat(addr, port)},
	}
}

// concat glues types of keys; only more than five could fail.
func concat(types ...nftables.SetDatatype) nftables.SetDatatype {
	t, _ := nftables.ConcatSetType(types...)
	return t
}

func (s sets) all() []*nftables.Set {
	return []*nftables.Set{s.bridges, s.internal, s.pairs, s.subnets, s.any, s.bound}
}

// A chain is a list of rules at one hook of the packet's way.
type chain struct {
	name     string
	kind     nftables.ChainType
	hook     *nftables.ChainHook
	priority *nftables.ChainPriority
	rules    []rule
}

// chains compiles the rules. Order matters within a chain: the first verdict
// ends it. An accept ends only our chain, a drop ends the packet.
func (s sets) chains(closed bool) []chain {
	return []chain{
		{"loopback", nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityRaw, s.loopback()},
		{"prerouting", nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest, s.prerouting()},
		{"output", nftables.ChainTypeNAT, nftables.ChainHookOutput, nftables.ChainPriorityNATDest, s.output()},
		{"forward", nftables.ChainTypeFilter, nftables.ChainHookForward, nftables.ChainPriorityFilter, s.forward(closed)},
		{"postrouting", nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource, s.postrouting()},
	}
}

// loopback guards 127.0.0.0/8 of the host. Our bridges have route_localnet,
// without which a port published on 127.0.0.1 could not be answered; with it
// the kernel would take a container's packet to 127.0.0.1 for its own
// (CVE-2020-8558). On the wire no honest packet has such an address: the
// answers to translated ones carry the bridge's, and are turned back later.
func (s sets) loopback() []rule {
	return []rule{
		{arrivesOn(s.bridges), toLoopback(), drop()},
		{arrivesOn(s.bridges), fromLoopback(), drop()},
	}
}

// prerouting translates what comes from elsewhere. Nobody from elsewhere may
// mean 127.0.0.1, and translation comes before the kernel's own check of that:
// a machine on the same wire could reach ports published on 127.0.0.1.
func (s sets) prerouting() []rule {
	return []rule{
		{notToLoopback(), translateBound(s.bound)},
		{notToLoopback(), toThisHost(), translateAny(s.any)},
	}
}

// output translates what the host itself sends.
func (s sets) output() []rule {
	return []rule{
		{translateBound(s.bound)},
		{toThisHost(), translateAny(s.any)},
	}
}

// forward keeps networks apart and unpublished ports unreachable. The answers
// come first: they are most of the packets.
func (s sets) forward(closed bool) []rule {
	rules := []rule{
		{known(), accept()},
		{staysOn(s.pairs), accept()},
		{arrivesOn(s.internal), drop()},
		{leavesBy(s.internal), drop()},
		{leavesBy(s.bridges), published(), accept()},
		{leavesBy(s.bridges), drop()},
		{arrivesOn(s.bridges), accept()},
	}
	if closed {
		rules = append(rules, rule{drop()})
	}
	return rules
}

// postrouting hides private addresses from those who could not answer them:
// the world; a neighbour on the same bridge, who would answer past us and so
// untranslated (the hairpin); and any container asked from 127.0.0.1. A
// container is known by its address in the second rule, because a packet that
// was bridged has no incoming interface here (br_netfilter).
func (s sets) postrouting() []rule {
	return []rule{
		{arrivesOn(s.bridges), leavesElsewhere(s.bridges), masquerade()},
		{leavesBy(s.bridges), published(), comesFrom(s.subnets), masquerade()},
		{leavesBy(s.bridges), fromLoopback(), masquerade()},
	}
}

// name is an interface name as a key: sixteen bytes, padded with zeros.
func name(s string) []byte {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, s)
	return b
}

// interval is a subnet as an interval set has it: where it begins, and the
// first address behind it, marked as an end.
func interval(p netip.Prefix) []nftables.SetElement {
	first := binary.BigEndian.Uint32(p.Addr().AsSlice())
	behind := first + 1<<(32-p.Bits())
	return []nftables.SetElement{
		{Key: binary.BigEndian.AppendUint32(nil, first)},
		{Key: binary.BigEndian.AppendUint32(nil, behind), IntervalEnd: true},
	}
}

// key places a port in the map where it belongs. Each part of a key fills
// whole registers of four bytes; numbers of the network are big-endian.
func (p Port) key() (key []byte, bound bool) {
	if !p.Host.Addr().IsUnspecified() {
		key = p.Host.Addr().AsSlice()
	}
	key = append(key, protocols[p.Protocol], 0, 0, 0)
	key = binary.BigEndian.AppendUint16(key, p.Host.Port())
	return append(key, 0, 0), !p.Host.Addr().IsUnspecified()
}

// value is where a port leads.
func (p Port) value() []byte {
	v := p.Container.Addr().AsSlice()
	v = binary.BigEndian.AppendUint16(v, p.Container.Port())
	return append(v, 0, 0)
}

// protocols are the numbers of protocols(5).
var protocols = map[string]byte{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP, "sctp": unix.IPPROTO_SCTP}

// check says what is wrong with the rules before the kernel sees them.
func (r Rules) check() error {
	for _, n := range r.Networks {
		if err := n.check(); err != nil {
			return err
		}
	}
	for _, p := range r.Ports {
		if err := p.check(); err != nil {
			return err
		}
	}
	return nil
}

func (n Network) check() error {
	if len(n.Bridge) == 0 || len(n.Bridge) >= unix.IFNAMSIZ {
		return fmt.Errorf("%q cannot be the name of a bridge", n.Bridge)
	}
	if !n.Subnet.Addr().Is4() || n.Subnet.Bits() == 0 {
		return fmt.Errorf("bridge %s: %s is no IPv4 subnet", n.Bridge, n.Subnet)
	}
	return nil
}

func (p Port) check() error {
	if _, ok := protocols[p.Protocol]; !ok {
		return fmt.Errorf("publish port %d: unknown protocol %q", p.Host.Port(), p.Protocol)
	}
	if !p.Host.Addr().Is4() || !p.Container.Addr().Is4() {
		return fmt.Errorf("publish %s on %s: only IPv4 addresses can be translated", p.Container, p.Host)
	}
	if p.Host.Port() == 0 || p.Container.Port() == 0 {
		return fmt.Errorf("publish %s on %s: there is no port 0", p.Container, p.Host)
	}
	return nil
}

// native is a number of the host: registers compare bytes.
func native(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

// String shows the rules in the words of nft(8).
func (r Rules) String() string {
	var b strings.Builder
	for _, c := range newSets(&nftables.Table{}).chains(r.Closed) {
		fmt.Fprintf(&b, "chain %s\n", c.name)
		for _, rule := range c.rules {
			fmt.Fprintf(&b, "\t%s\n", rule)
		}
	}
	return b.String()
}
