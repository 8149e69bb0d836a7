package firewall

import (
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// A word is one condition or action of a rule: how nft(8) writes it, and what
// the kernel executes for it. The kernel's machine has a verdict register and
// sixteen of four bytes; an expression loads, compares, looks up or acts, and
// one that does not match ends the rule.
type word struct {
	text  string
	exprs []expr.Any
}

// The machine's registers: r0 is the first of four bytes, and the others
// follow. The numbers 1 to 4 are older names of each fourth one.
const (
	r0 = unix.NFT_REG32_00
	r1 = unix.NFT_REG32_01
	r2 = unix.NFT_REG32_02
	r4 = unix.NFT_REG32_04
)

// A rule is a row of words, read from left to right.
type rule []word

// String is the rule as nft(8) lists it.
func (r rule) String() string {
	var texts []string
	for _, w := range r {
		texts = append(texts, w.text)
	}
	return strings.Join(texts, " ")
}

// exprs is the rule as the kernel executes it.
func (r rule) exprs() []expr.Any {
	var all []expr.Any
	for _, w := range r {
		all = append(all, w.exprs...)
	}
	return all
}

// arrivesOn matches packets that came in through an interface of the set.
func arrivesOn(s *nftables.Set) word {
	return word{"iifname @" + s.Name, []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: r0},
		&expr.Lookup{SourceRegister: r0, SetName: s.Name, SetID: s.ID},
	}}
}

// leavesBy matches packets that will go out through an interface of the set.
func leavesBy(s *nftables.Set) word {
	return word{"oifname @" + s.Name, []expr.Any{
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: r0},
		&expr.Lookup{SourceRegister: r0, SetName: s.Name, SetID: s.ID},
	}}
}

// leavesElsewhere is the opposite of leavesBy.
func leavesElsewhere(s *nftables.Set) word {
	return word{"oifname != @" + s.Name, []expr.Any{
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: r0},
		&expr.Lookup{SourceRegister: r0, SetName: s.Name, SetID: s.ID, Invert: true},
	}}
}

// staysOn matches packets that go back to where they came from: the set holds
// pairs of the same name, as the machine cannot compare two registers.
func staysOn(s *nftables.Set) word {
	return word{"iifname . oifname @" + s.Name, []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: r0},
		&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: r4},
		&expr.Lookup{SourceRegister: r0, SetName: s.Name, SetID: s.ID},
	}}
}

// comesFrom matches a source address within an interval of the set.
func comesFrom(s *nftables.Set) word {
	return word{"ip saddr @" + s.Name, []expr.Any{
		&expr.Payload{DestRegister: r0, Base: expr.PayloadBaseNetworkHeader, Offset: sourceAddress, Len: 4},
		&expr.Lookup{SourceRegister: r0, SetName: s.Name, SetID: s.ID},
	}}
}

// The places of an IPv4 header, from its start.
const (
	sourceAddress      = 12
	destinationAddress = 16
)

// loopback matches an address of 127.0.0.0/8 at offset; name is nft's word.
func loopback(name string, offset uint32, op expr.CmpOp) word {
	text := "ip " + name + " "
	if op == expr.CmpOpNeq {
		text += "!= "
	}
	return word{text + "127.0.0.0/8", []expr.Any{
		&expr.Payload{DestRegister: r0, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: 1},
		&expr.Cmp{Op: op, Register: r0, Data: []byte{127}},
	}}
}

func fromLoopback() word  { return loopback("saddr", sourceAddress, expr.CmpOpEq) }
func toLoopback() word    { return loopback("daddr", destinationAddress, expr.CmpOpEq) }
func notToLoopback() word { return loopback("daddr", destinationAddress, expr.CmpOpNeq) }

// toThisHost matches packets whose destination is an address of ours, by the
// kernel's own routing table. See nft(8), "fib expressions".
func toThisHost() word {
	return word{"fib daddr type local", []expr.Any{
		&expr.Fib{Register: r0, FlagDADDR: true, ResultADDRTYPE: true},
		&expr.Cmp{Op: expr.CmpOpEq, Register: r0, Data: native(unix.RTN_LOCAL)},
	}}
}

// known matches packets of connections that were let through before.
func known() word {
	bits := expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED
	return word{"ct state established,related", anyBit(expr.CtKeySTATE, bits)}
}

// published matches connections whose destination was translated, which for
// our bridges only happens to published ports. The bit is IPS_DST_NAT of
// linux/netfilter/nf_conntrack_common.h.
func published() word {
	return word{"ct status dnat", anyBit(expr.CtKeySTATUS, 1<<5)}
}

// anyBit matches when the value of key has one of bits.
func anyBit(key expr.CtKey, bits uint32) []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: key, Register: r0},
		&expr.Bitwise{SourceRegister: r0, DestRegister: r0, Len: 4, Mask: native(bits), Xor: native(0)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: r0, Data: native(0)},
	}
}

// translateAny sends a packet to where the map of ports published on every
// address says: protocol and port in, address and port out.
func translateAny(s *nftables.Set) word {
	return word{"dnat ip to meta l4proto . th dport map @" + s.Name, []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: r0},
		destinationPort(r1),
		&expr.Lookup{SourceRegister: r0, DestRegister: r0, IsDestRegSet: true, SetName: s.Name, SetID: s.ID},
		dnat(),
	}}
}

// translateBound does the same for ports published on one address.
func translateBound(s *nftables.Set) word {
	return word{"dnat ip to ip daddr . meta l4proto . th dport map @" + s.Name, []expr.Any{
		&expr.Payload{DestRegister: r0, Base: expr.PayloadBaseNetworkHeader, Offset: destinationAddress, Len: 4},
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: r1},
		destinationPort(r2),
		&expr.Lookup{SourceRegister: r0, DestRegister: r0, IsDestRegSet: true, SetName: s.Name, SetID: s.ID},
		dnat(),
	}}
}

// destinationPort stands at the same place in TCP, UDP and SCTP.
func destinationPort(register uint32) expr.Any {
	return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2}
}

func dnat() expr.Any {
	return &expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: r0, RegProtoMin: r1, Specified: true}
}

// masquerade gives a packet the address of the interface it leaves by.
func masquerade() word { return word{"masquerade", []expr.Any{&expr.Masq{}}} }

func accept() word {
	return word{"accept", []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}}
}

func drop() word {
	return word{"drop", []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}}
}
