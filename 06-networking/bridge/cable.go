package bridge

import (
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/namespace"
)

// plug lays the cable of lease l between n's bridge and the namespace at path.
// The file is opened once, so that both halves of the work mean the same
// namespace even if its process dies meanwhile.
func (d *Driver) plug(n *network, path string, l Lease) (err error) {
	netns, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open network namespace: %w", err)
	}
	defer netns.Close()
	if err := lay(n.index, netns, l); err != nil {
		return fmt.Errorf("make cable %s to %s: %w", l.HostLink, l.Interface, err)
	}
	defer func() {
		if err != nil {
			d.Unplug(l)
		}
	}()
	if len(l.Ports) > 0 {
		if err := d.hairpin(l); err != nil {
			return err
		}
	}
	inside, err := socket(netns)
	if err != nil {
		return err
	}
	defer inside.Close()
	return furnish(inside, l)
}

// hairpin lets the bridge send a packet back through the port by which it
// came, which a switch never does: a container that asks for its own published
// port. It matters where bridged packets pass the firewall (br_netfilter).
func (d *Driver) hairpin(l Lease) error {
	link, err := d.host.LinkByName(l.HostLink)
	if err == nil {
		err = d.host.LinkSetHairpin(link, true)
	}
	if err != nil {
		return fmt.Errorf("set hairpin mode of %s: %w", l.HostLink, err)
	}
	return nil
}

// lay makes both ends of the cable with one message: ours is plugged into the
// bridge and up, the other is born inside netns with its name and hardware
// address. Asking for the same step by step takes five messages, and for a
// moment the host would see the other end. (It cannot be born up as well: at
// its birth the cable is not yet one, and the kernel says "not connected".)
// See rtnetlink(7), veth(4).
//
//	ifinfomsg   up
//	IFLA_IFNAME, IFLA_MASTER
//	IFLA_LINKINFO
//	  IFLA_INFO_KIND "veth"
//	  IFLA_INFO_DATA
//	    VETH_INFO_PEER
//	      ifinfomsg
//	      IFLA_IFNAME, IFLA_ADDRESS, IFLA_NET_NS_FD
func lay(bridge int, netns *os.File, l Lease) error {
	mac, err := net.ParseMAC(l.MAC)
	if err != nil {
		return err
	}
	r := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	ours := nl.NewIfInfomsg(unix.AF_UNSPEC)
	ours.Flags, ours.Change = unix.IFF_UP, unix.IFF_UP
	r.AddData(ours)
	r.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(l.HostLink)))
	r.AddData(nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(bridge))))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("veth"))
	peer := info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(nl.VETH_INFO_PEER, nil)
	nl.NewIfInfomsgChild(peer, unix.AF_UNSPEC)
	peer.AddRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(l.Interface))
	peer.AddRtAttr(unix.IFLA_ADDRESS, mac)
	peer.AddRtAttr(unix.IFLA_NET_NS_FD, nl.Uint32Attr(uint32(netns.Fd())))
	r.AddData(info)
	_, err = r.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// socket opens a netlink socket inside netns. A socket belongs to the
// namespace in which it was made, whoever uses it later. See netlink(7).
func socket(netns *os.File) (h *netlink.Handle, err error) {
	path := fmt.Sprintf("/proc/self/fd/%d", netns.Fd())
	err = namespace.Do(path, func() error {
		h, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket in the network namespace: %w", err)
	}
	return h, nil
}

// furnish does the rest inside: an address, a way out, and lo, without which a
// program could not talk to itself. Another network may have brought a way out
// already; the first one stays. See rtnetlink(7).
func furnish(h *netlink.Handle, l Lease) error {
	link, err := h.LinkByName(l.Interface)
	if err != nil {
		return fmt.Errorf("find interface %s in the namespace: %w", l.Interface, err)
	}
	if err := h.AddrAdd(link, &netlink.Addr{IPNet: ipnet(l.Address)}); err != nil {
		return fmt.Errorf("give %s to %s: %w", l.Address, l.Interface, err)
	}
	lo := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Index: 1, Name: "lo"}} // always the first
	for _, l := range []netlink.Link{lo, link} {
		if err := h.LinkSetUp(l); err != nil {
			return fmt.Errorf("set %s up: %w", l.Attrs().Name, err)
		}
	}
	if !l.Gateway.IsValid() {
		return nil
	}
	err = h.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: l.Gateway.AsSlice()})
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("set the default route to %s: %w", l.Gateway, err)
	}
	return nil
}

// Unplug removes the cable of a namespace that lives on, which Disconnect does
// not. It waits for the kernel, some 20 ms. A cable that is gone is no error.
func (d *Driver) Unplug(l Lease) error {
	link, err := d.host.LinkByName(l.HostLink)
	if err == nil {
		err = d.host.LinkDel(link)
	}
	if err != nil && !errors.As(err, &netlink.LinkNotFoundError{}) && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove cable %s: %w", l.HostLink, err)
	}
	return nil
}
