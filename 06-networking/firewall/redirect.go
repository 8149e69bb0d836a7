package firewall

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Redirect leads what the programs of a network namespace send to address to
// other ports of the same address, one for UDP and one for TCP. It is called
// inside that namespace (namespace.Do), where the table drydock-names is ours
// alone; calling it again replaces the ports.
func Redirect(address netip.AddrPort, udp, tcp uint16) error {
	table := &nftables.Table{Name: "drydock-names", Family: nftables.TableFamilyIPv4}
	c, err := nftables.New(nftables.AsLasting()) // the socket must be made here and now
	if err != nil {
		return fmt.Errorf("redirect %s: %w", address, err)
	}
	defer c.CloseLasting()
	c.AddTable(table)
	c.DelTable(table)
	c.AddTable(table)
	chain := c.AddChain(&nftables.Chain{
		Name: "output", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookOutput, Priority: nftables.ChainPriorityNATDest,
	})
	for _, r := range redirections(address, udp, tcp) {
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: r.exprs()})
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("redirect %s: %w", address, err)
	}
	return nil
}

func redirections(address netip.AddrPort, udp, tcp uint16) []rule {
	return []rule{
		{to(address.Addr()), toPort("udp", address.Port()), translateTo(netip.AddrPortFrom(address.Addr(), udp))},
		{to(address.Addr()), toPort("tcp", address.Port()), translateTo(netip.AddrPortFrom(address.Addr(), tcp))},
	}
}

// to matches one destination address.
func to(a netip.Addr) word {
	return word{"ip daddr " + a.String(), []expr.Any{
		&expr.Payload{DestRegister: r0, Base: expr.PayloadBaseNetworkHeader, Offset: destinationAddress, Len: 4},
		&expr.Cmp{Op: expr.CmpOpEq, Register: r0, Data: a.AsSlice()},
	}}
}

// toPort matches one destination port of a protocol.
func toPort(protocol string, port uint16) word {
	return word{fmt.Sprintf("%s dport %d", protocol, port), []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: r0},
		&expr.Cmp{Op: expr.CmpOpEq, Register: r0, Data: []byte{protocols[protocol]}},
		destinationPort(r0),
		&expr.Cmp{Op: expr.CmpOpEq, Register: r0, Data: binary.BigEndian.AppendUint16(nil, port)},
	}}
}

// translateTo sends a packet to one address and port.
func translateTo(a netip.AddrPort) word {
	return word{"dnat to " + a.String(), []expr.Any{
		&expr.Immediate{Register: r0, Data: a.Addr().AsSlice()},
		&expr.Immediate{Register: r1, Data: binary.BigEndian.AppendUint16(nil, a.Port())},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: r0, RegProtoMin: r1, Specified: true},
	}}
}
