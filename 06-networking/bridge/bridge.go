// Package bridge connects network namespaces. A bridge is the switch, a veth
// pair is the cable: one end is plugged into the bridge, the other is born
// inside the namespace and called eth0. Addresses come from package ipam,
// rules from package firewall.
//
// The package has one lock, Driver.mu. It is held while the books are changed
// and while a bridge is made for the first time, never while a cable is laid.
package bridge

import (
	"net/netip"
	"time"
)

// Default is the name of the network that is always there.
const Default = "bridge"

// A Network is one bridge with its addresses.
type Network struct {
	ID       string
	Name     string
	Bridge   string // interface name on the host
	Subnet   netip.Prefix
	Gateway  netip.Addr
	Internal bool // nothing goes in or out

	// What follows is kept for whoever asks, and has no effect here.
	Created time.Time
	Labels  map[string]string
	Options map[string]string
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

// Config of a Driver.
type Config struct {
	Dir    string       // where networks are kept (empty: nowhere); leases are the caller's to keep
	Bridge string       // name of the default bridge: "drydock0"
	BIP    netip.Prefix // its address, like 172.18.0.1/16; zero: a free one is found
	Table  string       // our nftables table; empty: the name of the default bridge
}
