// Package bridge connects network namespaces: a bridge is the switch, a veth
// pair is the cable.
package bridge

import (
	"net/netip"
	"os"
)

// A Network is one bridge with its addresses.
type Network struct {
	ID       string
	Name     string
	Bridge   string // interface name on the host
	Subnet   netip.Prefix
	Gateway  netip.Addr
	Internal bool
}

// A Port publishes a container's port on the host.
type Port struct {
	HostIP        netip.Addr // zero is every address
	HostPort      uint16     // 0: the driver picks an ephemeral one
	ContainerPort uint16
	Protocol      string // "tcp" or "udp"
}

// An Endpoint says how one namespace joins a network.
type Endpoint struct {
	ID    string     // of the container
	Name  string     // interface inside, "eth0" when empty
	IP    netip.Addr // asked for; zero: the driver picks
	MAC   string
	Ports []Port
}

// A Lease is what the namespace got.
type Lease struct {
	Network   string // name
	ID        string // endpoint id, 64 hex digits
	Interface string
	HostLink  string // our end of the cable
	Address   netip.Prefix
	Gateway   netip.Addr
	MAC       string
	Ports     []Port // with the host ports that were picked
}

// A Driver owns our bridges, their addresses, and our nftables table.
// It is safe for concurrent use.
type Driver struct{}

// Config of a Driver.
type Config struct {
	Dir    string       // where networks and leases are kept
	Bridge string       // name of the default bridge: "drydock0"
	BIP    netip.Prefix // its address, like 172.18.0.1/16; zero: a free one is found
}

// Open reads what is in Dir. Interfaces and rules are made with the first
// container, not before.
func Open(c Config) (*Driver, error) { panic("seam") }

// Create makes a user-defined network.
func (d *Driver) Create(n Network) (Network, error) { panic("seam") }

// Delete removes one without endpoints.
func (d *Driver) Delete(name string) error { panic("seam") }

// List is ordered by name; the default network is called "bridge".
func (d *Driver) List() []Network { panic("seam") }

// Reserve binds the host ports of an endpoint without listening, so that
// "port is already allocated" is told before anything else happens. It picks
// the ephemeral ones. The files hold the ports until they are closed; the
// container's shim inherits them.
func (d *Driver) Reserve(ports []Port) ([]Port, []*os.File, error) { panic("seam") }

// Connect lays the cable: address, default route, published ports.
func (d *Driver) Connect(network, netns string, e Endpoint) (Lease, error) { panic("seam") }

// Disconnect forgets the lease and its rules. The cable itself goes with its
// namespace: removing it by hand costs 20 ms.
func (d *Driver) Disconnect(l Lease) error { panic("seam") }

// Restore takes over the leases of containers that lived on without us.
func (d *Driver) Restore(leases []Lease) error { panic("seam") }

// Close removes our rules and bridges when no lease is left.
func (d *Driver) Close() error { panic("seam") }
