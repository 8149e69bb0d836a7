package bridge

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"drydock/06-networking/ipam"
)

// raise makes the bridge of a network, its rules, and a router of the host,
// if they are not there yet. The order matters: nothing is forwarded before
// the rules stand that say what may be.
func (d *Driver) raise(n *network) (err error) {
	if n.index != 0 {
		return nil
	}
	if n.index, err = d.bridge(n); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			n.index = 0
		}
	}()
	before := d.boot
	if err := d.router(); err != nil {
		return err
	}
	if !d.tabled || d.boot != before {
		err = d.rewrite()
	} else {
		err = d.table.AddNetwork(n.rules())
	}
	if err == nil && d.boot != "" {
		err = sysctl("ipv4/ip_forward", "1")
	}
	return err
}

// bridge answers the index of n's bridge and makes it if need be. One that is
// there and was not made by us is used as it is, and stays when we go.
func (d *Driver) bridge(n *network) (int, error) {
	link, err := d.host.LinkByName(n.Bridge)
	switch {
	case err == nil && link.Type() != "bridge":
		return 0, fmt.Errorf("interface %s of network %s is a %s, not a bridge", n.Bridge, n.Name, link.Type())
	case err == nil && !n.made:
		return link.Attrs().Index, d.local(n)
	case err != nil && !errors.As(err, &netlink.LinkNotFoundError{}):
		return 0, fmt.Errorf("look for interface %s: %w", n.Bridge, err)
	case err != nil:
		if link, err = d.build(n); err != nil {
			return 0, err
		}
	}
	return link.Attrs().Index, d.settle(n, link)
}

// build makes the bridge. Its hardware address is set, or it would change
// with each cable: a bridge without one takes the lowest of its ports'.
func (d *Driver) build(n *network) (netlink.Link, error) {
	n.made = true // on disk before it is true
	if err := d.save(); err != nil {
		return nil, err
	}
	mac := ipam.MAC(n.Gateway)
	link := &netlink.Bridge{LinkAttrs: netlink.NewLinkAttrs()}
	link.Name, link.HardwareAddr = n.Bridge, mac[:]
	if err := d.host.LinkAdd(link); err != nil {
		return nil, fmt.Errorf("make bridge %s: %w", n.Bridge, err)
	}
	return link, nil
}

// settle gives a bridge of ours its address and sets it up. Without IPv6
// addresses, because the kernel would give it one that every container could
// reach, past all rules of a table that speaks of IPv4.
func (d *Driver) settle(n *network, link netlink.Link) error {
	if err := sysctl("ipv6/conf/"+n.Bridge+"/disable_ipv6", "1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	address := &netlink.Addr{IPNet: ipnet(netip.PrefixFrom(n.Gateway, n.Subnet.Bits()))}
	if err := d.host.AddrAdd(link, address); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("give %s to bridge %s: %w", address.IPNet, n.Bridge, err)
	}
	if err := d.host.LinkSetUp(link); err != nil {
		return fmt.Errorf("set bridge %s up: %w", n.Bridge, err)
	}
	return d.local(n)
}

// local lets answers come back from the bridge to a sender at 127.0.0.1, for
// ports published there. The firewall drops what would abuse it. See ip(7)
// and the kernel's Documentation/networking/ip-sysctl.rst, route_localnet.
func (d *Driver) local(n *network) error {
	return sysctl("ipv4/conf/"+n.Bridge+"/route_localnet", "1")
}

// lower is the opposite of raise for one network.
func (d *Driver) lower(n *network) error {
	if n.index != 0 && d.tabled {
		if err := d.table.RemoveNetwork(n.rules()); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	n.index = 0
	if !n.made {
		return nil
	}
	link, err := d.host.LinkByName(n.Bridge)
	if err == nil {
		err = d.host.LinkDel(link)
	}
	if err != nil && !errors.As(err, &netlink.LinkNotFoundError{}) {
		return fmt.Errorf("remove bridge %s: %w", n.Bridge, err)
	}
	n.made = false
	return nil
}

// router notes whether it is us who make a router of this host: then our
// table drops what has nothing to do with us. The note names the boot in which
// it was made, for the next one starts with the host's own setting again.
func (d *Driver) router() error {
	on, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
	if err != nil {
		return fmt.Errorf("read ip_forward: %w", err)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return fmt.Errorf("read boot id: %w", err)
	}
	before, now := d.boot, strings.TrimSpace(string(boot))
	if d.boot != now {
		d.boot = ""
	}
	if strings.TrimSpace(string(on)) == "0" {
		d.boot = now
	}
	if d.boot == before {
		return nil
	}
	return d.save()
}

// unforward makes the host what it was.
func (d *Driver) unforward() error {
	if d.boot == "" {
		return nil
	}
	if err := sysctl("ipv4/ip_forward", "0"); err != nil {
		return err
	}
	d.boot = ""
	return nil
}

// sysctl writes one value of our network namespace. See sysctl(2), proc(5).
func sysctl(name, value string) error {
	if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0o644); err != nil {
		return fmt.Errorf("set net/%s to %s: %w", name, value, err)
	}
	return nil
}

// address is the first IPv4 address of an interface, if it is there at all.
func (d *Driver) address(name string) (netip.Prefix, error) {
	link, err := d.host.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return netip.Prefix{}, nil
	}
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("look for interface %s: %w", name, err)
	}
	addresses, err := d.host.AddrList(link, netlink.FAMILY_V4)
	if err != nil || len(addresses) == 0 {
		return netip.Prefix{}, err
	}
	return prefix(addresses[0].IPNet), nil
}

// busy are the subnets that the host has addresses in or routes to.
func (d *Driver) busy() ([]netip.Prefix, error) {
	addresses, err := d.host.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	routes, err := d.host.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	var busy []netip.Prefix
	for _, a := range addresses {
		busy = append(busy, prefix(a.IPNet).Masked())
	}
	for _, r := range routes {
		if p := prefix(r.Dst); p.IsValid() && p.Bits() > 0 {
			busy = append(busy, p.Masked())
		}
	}
	return busy, nil
}

// prefix and ipnet translate between the two ways to write a subnet.
func prefix(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.Prefix{}
	}
	a, _ := netip.AddrFromSlice(n.IP)
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(a.Unmap(), bits)
}

func ipnet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
