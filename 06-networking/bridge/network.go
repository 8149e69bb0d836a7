package bridge

import (
	"fmt"
	"io/fs"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// notFound, exists and invalid read as sentences and are fs.ErrNotExist,
// fs.ErrExist and fs.ErrInvalid to errors.Is.
type (
	notFound string
	exists   string
	invalid  string
)

func (e notFound) Error() string        { return string(e) }
func (e notFound) Is(target error) bool { return target == fs.ErrNotExist }
func (e exists) Error() string          { return string(e) }
func (e exists) Is(target error) bool   { return target == fs.ErrExist }
func (e invalid) Error() string         { return string(e) }
func (e invalid) Is(target error) bool  { return target == fs.ErrInvalid }

// goodName is what the name of a network may look like.
var goodName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// Create makes a user-defined network. What is empty in n is filled in: an
// id, the name of the bridge, a free subnet, its first address as gateway.
func (d *Driver) Create(n Network) (Network, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.complete(&n); err != nil {
		return Network{}, err
	}
	if _, err := d.adopt(n, false); err != nil {
		return Network{}, err
	}
	if err := d.save(); err != nil {
		delete(d.networks, n.Name)
		return Network{}, err
	}
	return n, nil
}

// complete checks what was asked for and fills in the rest.
func (d *Driver) complete(n *Network) error {
	switch {
	case n.Name == "host" || n.Name == "none" || n.Name == Default:
		return exists(fmt.Sprintf("operation is not permitted on predefined %s network", n.Name))
	case !goodName.MatchString(n.Name):
		return invalid(fmt.Sprintf("invalid name %q for a network", n.Name))
	case d.networks[n.Name] != nil:
		return exists(fmt.Sprintf("network with name %s already exists", n.Name))
	case n.Subnet.IsValid() && !n.Subnet.Addr().Is4():
		return invalid(fmt.Sprintf("subnet %s: only IPv4 is supported", n.Subnet))
	}
	if n.ID == "" {
		n.ID = newID()
	}
	if n.Bridge == "" {
		n.Bridge = "br-" + n.ID[:min(12, len(n.ID))]
	}
	if len(n.Bridge) >= unix.IFNAMSIZ {
		return invalid(fmt.Sprintf("bridge %s: the name of an interface has at most %d characters", n.Bridge, unix.IFNAMSIZ-1))
	}
	if n.Created.IsZero() {
		n.Created = time.Now()
	}
	return d.place(n)
}

// place finds a subnet for n, or checks the one asked for.
func (d *Driver) place(n *Network) (err error) {
	if !n.Subnet.IsValid() {
		if n.Subnet, err = d.free(netip.Prefix{}); err != nil {
			return err
		}
	}
	n.Subnet = n.Subnet.Masked()
	for _, other := range d.networks {
		if other.Subnet.Overlaps(n.Subnet) {
			return invalid(fmt.Sprintf("Pool overlaps with other one on this address space: %s is in use by network %s", other.Subnet, other.Name))
		}
		if other.Bridge == n.Bridge {
			return exists(fmt.Sprintf("bridge %s is in use by network %s", n.Bridge, other.Name))
		}
	}
	if !n.Gateway.IsValid() {
		n.Gateway = n.Subnet.Addr().Next()
	}
	return nil
}

// Delete removes one without endpoints.
func (d *Driver) Delete(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(name)
	switch {
	case err != nil:
		return err
	case n.Name == Default:
		return invalid(fmt.Sprintf("%s is a pre-defined network and cannot be removed", n.Name))
	case len(n.leases) > 0:
		return exists(fmt.Sprintf("error while removing network: network %s has active endpoints", n.Name))
	}
	if err := d.lower(n); err != nil {
		return err
	}
	delete(d.networks, n.Name)
	return d.save()
}

// List is ordered by name; the default network is called "bridge".
func (d *Driver) List() []Network {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Network
	for _, n := range d.networks {
		all = append(all, n.Network)
	}
	slices.SortFunc(all, func(a, b Network) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Find answers the network with this name, id, or unambiguous beginning of an
// id.
func (d *Driver) Find(name string) (Network, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.find(name)
	if err != nil {
		return Network{}, err
	}
	return n.Network, nil
}

func (d *Driver) find(name string) (*network, error) {
	if n := d.networks[name]; n != nil {
		return n, nil
	}
	var found []*network
	for _, n := range d.networks {
		if n.ID == name {
			return n, nil
		}
		if name != "" && strings.HasPrefix(n.ID, name) {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 0:
		return nil, notFound(fmt.Sprintf("network %s not found", name))
	case 1:
		return found[0], nil
	}
	return nil, invalid(fmt.Sprintf("network %s is ambiguous (%d matches found based on ID prefix)", name, len(found)))
}

func overlaps(p netip.Prefix, busy []netip.Prefix) bool {
	return slices.ContainsFunc(busy, p.Overlaps)
}
