package bridge

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/undo"
	"drydock/06-networking/firewall"
	"drydock/06-networking/ipam"
)

// Connect lays the cable: address, default route, published ports. The host
// ports of e are those that Reserve answered. What it costs does not depend on
// how many others are connected.
func (d *Driver) Connect(network, netns string, e Endpoint) (_ Lease, err error) {
	var back undo.Stack
	defer back.If(&err)
	n, l, err := d.lease(network, e)
	if err != nil {
		return Lease{}, err
	}
	back.Push(func() { d.release(n, l) })
	if err := d.plug(n, netns, l); err != nil {
		return Lease{}, fmt.Errorf("connect %s to network %s: %w", e.ID, n.Name, err)
	}
	back.Push(func() { d.Unplug(l) })
	if ports := n.published(l); len(ports) > 0 {
		if err := d.amend(Lease{}, func() error { return d.table.Publish(ports) }); err != nil {
			return Lease{}, err
		}
	}
	return l, nil
}

// lease takes an address and writes the lease into the books.
func (d *Driver) lease(name string, e Endpoint) (_ *network, l Lease, err error) {
	if err := e.check(); err != nil {
		return nil, l, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(name)
	if err != nil {
		return nil, l, err
	}
	if err := d.raise(n); err != nil {
		return nil, l, err
	}
	address, err := n.pool.Take(e.IP)
	if err != nil {
		return nil, l, fmt.Errorf("network %s: %w", n.Name, err)
	}
	l = n.write(e, address)
	n.leases[l.ID] = l
	for _, p := range l.Ports {
		d.ports[p.outside()] = true
	}
	return n, l, nil
}

// write fills in a lease for e.
func (n *network) write(e Endpoint, address netip.Addr) Lease {
	l := Lease{
		Network:   n.Name,
		ID:        newID(),
		Interface: e.Name,
		Address:   netip.PrefixFrom(address, n.Subnet.Bits()),
		Gateway:   n.Gateway,
		MAC:       e.MAC,
		Ports:     e.Ports,
	}
	if l.Interface == "" {
		l.Interface = "eth0"
	}
	if l.MAC == "" {
		mac := ipam.MAC(address)
		l.MAC = net.HardwareAddr(mac[:]).String()
	}
	if n.Internal { // there is no way out
		l.Gateway = netip.Addr{}
	}
	l.HostLink = "veth" + l.ID[:unix.IFNAMSIZ-1-len("veth")]
	return l
}

// check says what is wrong with an endpoint before anything is done.
func (e Endpoint) check() error {
	if len(e.Name) >= unix.IFNAMSIZ {
		return invalid(fmt.Sprintf("interface %s: the name of an interface has at most %d characters", e.Name, unix.IFNAMSIZ-1))
	}
	if e.MAC != "" {
		if mac, err := net.ParseMAC(e.MAC); err != nil || len(mac) != 6 {
			return invalid(fmt.Sprintf("invalid MAC address: %s", e.MAC))
		}
	}
	for _, p := range e.Ports {
		if p.HostPort == 0 {
			return invalid(fmt.Sprintf("port %d/%s has no host port: it was not reserved", p.ContainerPort, p.Protocol))
		}
	}
	return nil
}

// published are the ports of a lease as the firewall wants them. An internal
// network has none.
func (n *network) published(l Lease) []firewall.Port {
	if n.Internal {
		return nil
	}
	var ports []firewall.Port
	for _, p := range l.Ports {
		ports = append(ports, firewall.Port{
			Protocol:  p.Protocol,
			Host:      netip.AddrPortFrom(p.host(), p.HostPort),
			Container: netip.AddrPortFrom(l.Address.Addr(), p.ContainerPort),
		})
	}
	return ports
}

// Disconnect forgets the lease and its rules. The cable itself goes with its
// namespace: removing it by hand costs 20 ms. The rules go first, so that no
// port ever leads to whoever gets the address next. A lease that is not known
// is no error.
func (d *Driver) Disconnect(l Lease) error {
	d.mu.Lock()
	n, known := d.networks[l.Network], false
	if n != nil {
		l, known = n.leases[l.ID]
	}
	d.mu.Unlock()
	if !known {
		return nil
	}
	defer d.release(n, l)
	ports := n.published(l)
	if len(ports) == 0 {
		return nil
	}
	err := d.amend(l, func() error { return d.table.Withdraw(ports) })
	return errors.Join(err, forget(ports))
}

// release strikes a lease from the books.
func (d *Driver) release(n *network, l Lease) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := n.leases[l.ID]; !ok {
		return
	}
	delete(n.leases, l.ID)
	n.pool.Release(l.Address.Addr())
	for _, p := range l.Ports {
		delete(d.ports, p.outside())
	}
}
