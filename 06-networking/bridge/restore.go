package bridge

import (
	"errors"
	"fmt"
	"strings"
)

// Restore takes over the leases of containers that lived on without us: their
// addresses, ports and rules. The rules were in the kernel all the time and
// are written anew in one step; connections go on. Bridges of ours that nobody
// uses any more are removed, and with no lease at all everything is. A lease
// that cannot be taken over is in the error; the others are.
func (d *Driver) Restore(leases []Lease) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, l := range leases {
		errs = append(errs, d.take(l))
	}
	errs = append(errs, d.sweep())
	return errors.Join(errs...)
}

// take writes a lease of before into the books.
func (d *Driver) take(l Lease) error {
	n := d.networks[l.Network]
	if n == nil {
		return fmt.Errorf("restore lease of %s: network %s not found", l.Address, l.Network)
	}
	if _, err := n.pool.Take(l.Address.Addr()); err != nil {
		return fmt.Errorf("restore lease of %s in network %s: %w", l.Address, l.Network, err)
	}
	n.leases[l.ID] = l
	for _, p := range l.Ports {
		d.ports[p.outside()] = true
	}
	return nil
}

// sweep makes bridges and rules agree with the books.
func (d *Driver) sweep() error {
	var errs []error
	used := 0
	for _, n := range d.networks {
		if len(n.leases) == 0 {
			errs = append(errs, d.lower(n))
			continue
		}
		used++
		errs = append(errs, d.raise(n))
	}
	if used == 0 {
		errs = append(errs, d.clear())
		return errors.Join(errs...)
	}
	return errors.Join(append(errs, d.rewrite(), d.save())...)
}

// Warnings says what on this host keeps our packets from passing, each with
// the command that lets them. A firewall of others that drops what the host
// forwards, like ufw's or a real Docker's, decides after us: only its owner
// can let us through.
func (d *Driver) Warnings() []string {
	drops, err := d.table.ForwardDrops()
	if err != nil {
		return []string{err.Error()}
	}
	var warnings []string
	for _, chain := range drops {
		for _, n := range d.List() {
			warnings = append(warnings, fmt.Sprintf(
				"the host's firewall drops forwarded packets (nftables chain %q): network %s is cut off. To let it through: %s",
				chain, n.Name, letThrough(chain, n.Bridge)))
		}
	}
	return warnings
}

// letThrough is the command that makes room for a bridge in a chain. What
// comes through is still subject to our own rules.
func letThrough(chain, bridge string) string {
	if family, rest, _ := strings.Cut(chain, " "); family == "ip" && rest == "filter FORWARD" {
		return fmt.Sprintf("iptables -I FORWARD -i %s -j ACCEPT && iptables -I FORWARD -o %s -j ACCEPT", bridge, bridge)
	}
	return fmt.Sprintf("nft insert rule %s iifname %s accept && nft insert rule %s oifname %s accept", chain, bridge, chain, bridge)
}
