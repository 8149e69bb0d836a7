package bridge

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"drydock/06-networking/firewall"
	"drydock/06-networking/ipam"
)

// A Driver owns our bridges, their addresses, and our nftables table.
// It is safe for concurrent use.
type Driver struct {
	config Config
	host   *netlink.Handle // a socket in our own namespace, kept open
	table  *firewall.Table

	mu       sync.Mutex // guards what follows
	networks map[string]*network
	ports    map[Port]bool // reserved or published, without the container's side
	tabled   bool          // the table is in the kernel
	boot     string        // the boot in which we turned ip_forward on, or ""
}

// A network is what we know of one beyond its description.
type network struct {
	Network
	made   bool // the bridge is ours: it was made, or is about to be
	index  int  // of the bridge; 0 until the first container
	pool   *ipam.Pool
	leases map[string]Lease // by endpoint id
}

// Open reads what is in Dir. Interfaces and rules are made with the first
// container, not before.
func Open(c Config) (_ *Driver, err error) {
	if c.Bridge == "" {
		c.Bridge = "drydock0"
	}
	if c.Table == "" {
		c.Table = c.Bridge
	}
	if len(c.Bridge) >= unix.IFNAMSIZ {
		return nil, fmt.Errorf("bridge %s: the name of an interface has at most %d characters", c.Bridge, unix.IFNAMSIZ-1)
	}
	d := &Driver{config: c, table: firewall.New(c.Table), networks: map[string]*network{}, ports: map[Port]bool{}}
	if d.host, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	if err := d.read(); err != nil {
		d.host.Close()
		return nil, err
	}
	return d, nil
}

// read brings the networks back, and sees to it that there is a default one.
func (d *Driver) read() error {
	s, err := load(d.config.Dir)
	if err != nil {
		return err
	}
	d.boot = s.Forward
	for _, r := range s.Networks {
		if r.Name != Default {
			if _, err := d.adopt(r.Network, r.Made); err != nil {
				return err
			}
			continue
		}
		if d.networks[Default], err = d.standard(r); err != nil {
			return err
		}
	}
	if d.networks[Default] != nil {
		return nil
	}
	if d.networks[Default], err = d.standard(record{Network: Network{ID: newID(), Created: time.Now()}}); err != nil {
		return err
	}
	return d.save()
}

// adopt takes a network into the books.
func (d *Driver) adopt(n Network, made bool) (*network, error) {
	pool, err := ipam.New(n.Subnet, n.Gateway)
	if err != nil {
		return nil, fmt.Errorf("network %s: %w", n.Name, err)
	}
	known := &network{Network: n, made: made, pool: pool, leases: map[string]Lease{}}
	d.networks[n.Name] = known
	return known, nil
}

// standard settles where the default network lives: where the command line
// says, else where its bridge lives already, else where it lived last time if
// that is still free, else somewhere free.
func (d *Driver) standard(r record) (*network, error) {
	n := r.Network
	n.Name, n.Bridge = Default, d.config.Bridge
	made := r.Made && r.Bridge == n.Bridge
	address, err := d.address(n.Bridge)
	if err != nil {
		return nil, err
	}
	switch {
	case d.config.BIP.IsValid():
		n.Subnet, n.Gateway = d.config.BIP.Masked(), d.config.BIP.Addr()
	case address.IsValid():
		n.Subnet, n.Gateway = address.Masked(), address.Addr()
	default:
		if n.Subnet, err = d.free(n.Subnet); err != nil {
			return nil, err
		}
		n.Gateway = n.Subnet.Addr().Next()
	}
	return d.adopt(n, made)
}

// free answers a subnet that the host does not know, wish if it can be.
func (d *Driver) free(wish netip.Prefix) (netip.Prefix, error) {
	busy, err := d.busy()
	if err != nil {
		return netip.Prefix{}, err
	}
	for _, n := range d.networks {
		busy = append(busy, n.Subnet)
	}
	if wish.IsValid() && !overlaps(wish, busy) {
		return wish, nil
	}
	return ipam.Free(busy)
}

// rules are everything that our table has to say at this moment.
func (d *Driver) rules() firewall.Rules {
	r := firewall.Rules{Closed: d.boot != ""}
	for _, n := range d.networks {
		if n.index == 0 {
			continue
		}
		r.Networks = append(r.Networks, n.rules())
		for _, l := range n.leases {
			r.Ports = append(r.Ports, n.published(l)...)
		}
	}
	return r
}

// rules are what the table has to say of one network.
func (n *network) rules() firewall.Network {
	return firewall.Network{Bridge: n.Bridge, Subnet: n.Subnet, Internal: n.Internal}
}

// rewrite brings the table up to date as a whole.
func (d *Driver) rewrite() error {
	if err := d.table.Replace(d.rules()); err != nil {
		return err
	}
	d.tabled = true
	return nil
}

// amend makes one small change to the table. Who flushes the host's rules (a
// reload of its firewall does) takes ours along: then all are written again,
// but for the ports of a lease that is going.
func (d *Driver) amend(going Lease, change func() error) error {
	err := change()
	if !errors.Is(err, unix.ENOENT) {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.networks[going.Network]; n != nil {
		going.Ports = nil
		n.leases[going.ID] = going
	}
	return d.rewrite()
}

// Close removes our rules and bridges when no lease is left, and turns
// ip_forward off again if we turned it on. With a lease left, everything
// stays as it is: containers live on without us.
func (d *Driver) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.host.Close()
	for _, n := range d.networks {
		if len(n.leases) > 0 {
			return nil
		}
	}
	return d.clear()
}

// clear takes everything away that we made on the host.
func (d *Driver) clear() error {
	var errs []error
	for _, n := range d.networks {
		errs = append(errs, d.lower(n))
	}
	errs = append(errs, d.table.Remove(), d.unforward())
	d.tabled = false
	return errors.Join(append(errs, d.save())...)
}

// newID is an identifier as the API shows them: 64 random hex digits.
func newID() string {
	var b [32]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
