// Package ipam gives out the addresses of a subnet, and finds a subnet that
// nobody uses. It is pure: it knows no interface and writes no file, and what
// it is told to remember fits in one struct.
package ipam

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// ErrTaken is returned for an address that somebody else has.
const ErrTaken = sentence("Address already in use")

// ErrFull is returned when the last address is gone.
const ErrFull = sentence("no available addresses on this network's address pools")

// A sentence is an error in the words of Docker, capitals included.
type sentence string

func (s sentence) Error() string { return string(s) }

// A Pool is one subnet with the addresses that are taken. It is not safe for
// concurrent use.
//
// Addresses are given out next-fit: the search starts behind the last one
// given, so that an address rests as long as possible before somebody else
// gets it. Neighbours remember for some minutes which hardware address belongs
// to it (arp(7)), and clients whose server it was.
type Pool struct {
	subnet netip.Prefix
	never  []netip.Addr
	taken  map[netip.Addr]bool
	next   netip.Addr
}

// New makes a pool of subnet. These are never given out: the first address,
// which names the network, the last one of IPv4, which is the broadcast
// address, and gateway, which is the bridge's own.
func New(subnet netip.Prefix, gateway netip.Addr) (*Pool, error) {
	if !subnet.IsValid() || subnet != subnet.Masked() {
		return nil, fmt.Errorf("%s is not a subnet", subnet)
	}
	if subnet.Addr().BitLen()-subnet.Bits() < 2 {
		return nil, fmt.Errorf("subnet %s has no room for a gateway and a container", subnet)
	}
	p := &Pool{subnet: subnet, taken: map[netip.Addr]bool{}, next: subnet.Addr().Next()}
	p.never = []netip.Addr{subnet.Addr()}
	if subnet.Addr().Is4() {
		p.never = append(p.never, last(subnet))
	}
	for _, a := range p.never {
		p.taken[a] = true
	}
	if _, err := p.Take(gateway); err != nil {
		return nil, fmt.Errorf("gateway %s: %w", gateway, err)
	}
	p.never = append(p.never, gateway)
	return p, nil
}

// Take gives out ask, or any address when ask is the zero Addr.
func (p *Pool) Take(ask netip.Addr) (netip.Addr, error) {
	if !ask.IsValid() {
		return p.any()
	}
	if !p.subnet.Contains(ask) {
		return netip.Addr{}, fmt.Errorf("no configured subnet contains IP address %s", ask)
	}
	if p.taken[ask] {
		return netip.Addr{}, ErrTaken
	}
	p.taken[ask] = true
	return ask, nil
}

// any takes the first free address from p.next on. Each step that finds
// nothing meets another taken address, so the search ends after len(taken)
// steps at the latest, however large the subnet is.
func (p *Pool) any() (netip.Addr, error) {
	for range len(p.taken) + 1 {
		a := p.next
		p.next = a.Next()
		if !p.subnet.Contains(p.next) {
			p.next = p.subnet.Addr()
		}
		if !p.taken[a] {
			p.taken[a] = true
			return a, nil
		}
	}
	return netip.Addr{}, ErrFull
}

// Release makes an address available again. What was not given out, and what
// is never given out, stays as it is.
func (p *Pool) Release(a netip.Addr) {
	if !slices.Contains(p.never, a) {
		delete(p.taken, a)
	}
}

// last is the highest address of a subnet: all host bits set.
func last(subnet netip.Prefix) netip.Addr {
	b := subnet.Addr().AsSlice()
	for i := subnet.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// Free answers the first subnet that overlaps none of busy: 172.17.0.0/16 to
// 172.31.0.0/16, then 192.168.0.0/20 and on, the same as Docker tries. All
// are private by RFC 1918.
func Free(busy []netip.Prefix) (netip.Prefix, error) {
	for second := byte(17); second <= 31; second++ {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, second}), 16)
		if !overlaps(p, busy) {
			return p, nil
		}
	}
	for third := 0; third < 256; third += 16 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, byte(third)}), 20)
		if !overlaps(p, busy) {
			return p, nil
		}
	}
	return netip.Prefix{}, errors.New("all predefined address pools have been fully subnetted")
}

func overlaps(p netip.Prefix, busy []netip.Prefix) bool {
	return slices.ContainsFunc(busy, p.Overlaps)
}

// MAC derives the hardware address of an IPv4 address: 02:42 and its four
// bytes. The 02 says "locally administered, for one station" (IEEE 802), and
// an address that comes back comes back with the same MAC, so that the
// neighbours' tables stay true. An IPv6 address lends its last four bytes.
func MAC(a netip.Addr) [6]byte {
	b := a.AsSlice()
	mac := [6]byte{0x02, 0x42}
	binary.BigEndian.PutUint32(mac[2:], binary.BigEndian.Uint32(b[len(b)-4:]))
	return mac
}
