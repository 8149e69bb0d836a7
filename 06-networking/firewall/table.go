package firewall

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
)

// A Table is our table in the kernel of the network namespace of whoever calls.
// Every method sends one batch, which the kernel takes as a whole or not at
// all. The methods are safe for concurrent use as long as no two of them speak
// of the same network or port.
type Table struct {
	table *nftables.Table
	sets  sets
}

// New names a table; it touches nothing.
func New(name string) *Table {
	t := &nftables.Table{Name: name, Family: nftables.TableFamilyIPv4}
	return &Table{table: t, sets: newSets(t)}
}

// Replace makes the table say r and nothing else. The old table goes and the
// new one comes within one batch, so that no packet passes between the two;
// connections that are under way stay translated.
func (t *Table) Replace(r Rules) error {
	if err := r.check(); err != nil {
		return err
	}
	return t.batch("write", func(c *nftables.Conn) error {
		c.AddTable(t.table) // or deleting it would fail the first time
		c.DelTable(t.table)
		c.AddTable(t.table)
		for _, s := range t.sets.all() {
			if err := c.AddSet(s, nil); err != nil {
				return err
			}
		}
		for _, chain := range t.sets.chains(r.Closed) {
			t.addChain(c, chain)
		}
		return t.fill(c, r)
	})
}

func (t *Table) addChain(c *nftables.Conn, chain chain) {
	made := c.AddChain(&nftables.Chain{
		Name: chain.name, Table: t.table, Type: chain.kind, Hooknum: chain.hook, Priority: chain.priority,
	})
	for _, r := range chain.rules {
		c.AddRule(&nftables.Rule{Table: t.table, Chain: made, Exprs: r.exprs()})
	}
}

func (t *Table) fill(c *nftables.Conn, r Rules) error {
	for _, n := range r.Networks {
		if err := t.eachElement(n, c.SetAddElements); err != nil {
			return err
		}
	}
	return t.eachPort(r.Ports, c.SetAddElements)
}

// AddNetwork tells the table of one more bridge.
func (t *Table) AddNetwork(n Network) error {
	if err := n.check(); err != nil {
		return err
	}
	return t.batch("add bridge "+n.Bridge+" to", func(c *nftables.Conn) error {
		return t.eachElement(n, c.SetAddElements)
	})
}

// RemoveNetwork takes a bridge back.
func (t *Table) RemoveNetwork(n Network) error {
	return t.batch("remove bridge "+n.Bridge+" from", func(c *nftables.Conn) error {
		return t.eachElement(n, c.SetDeleteElements)
	})
}

// Publish lets ports in.
func (t *Table) Publish(ports []Port) error {
	if err := (Rules{Ports: ports}).check(); err != nil {
		return err
	}
	return t.batch("publish ports in", func(c *nftables.Conn) error {
		return t.eachPort(ports, c.SetAddElements)
	})
}

// Withdraw is the opposite of Publish.
func (t *Table) Withdraw(ports []Port) error {
	return t.batch("withdraw ports from", func(c *nftables.Conn) error {
		return t.eachPort(ports, c.SetDeleteElements)
	})
}

// Remove takes the table away. That there is none is no error.
func (t *Table) Remove() error {
	return t.batch("remove", func(c *nftables.Conn) error {
		c.AddTable(t.table)
		c.DelTable(t.table)
		return nil
	})
}

// batch collects messages and sends them at once. The socket lives for one
// batch: what a failed one left unread cannot be taken for the next answer.
func (t *Table) batch(what string, fill func(*nftables.Conn) error) error {
	c, err := nftables.New()
	if err == nil {
		if err = fill(c); err == nil {
			err = c.Flush()
		}
	}
	if err != nil {
		return fmt.Errorf("%s nftables table ip %s: %w", what, t.table.Name, err)
	}
	return nil
}

// A change adds elements to a set or deletes them.
type change func(*nftables.Set, []nftables.SetElement) error

// eachElement changes the elements that stand for a network.
func (t *Table) eachElement(n Network, do change) error {
	key := []nftables.SetElement{{Key: name(n.Bridge)}}
	pair := []nftables.SetElement{{Key: slices.Concat(name(n.Bridge), name(n.Bridge))}}
	err := errors.Join(do(t.sets.bridges, key), do(t.sets.pairs, pair), do(t.sets.subnets, interval(n.Subnet)))
	if err == nil && n.Internal {
		err = do(t.sets.internal, key)
	}
	return err
}

// chunk is how many elements travel in one message: the length of the list is
// a number of 16 bits. See netlink(7).
const chunk = 256

// eachPort changes the elements that stand for ports.
func (t *Table) eachPort(ports []Port, do change) error {
	var any, bound []nftables.SetElement
	for _, p := range ports {
		if key, isBound := p.key(); isBound {
			bound = append(bound, nftables.SetElement{Key: key, Val: p.value()})
		} else {
			any = append(any, nftables.SetElement{Key: key, Val: p.value()})
		}
	}
	for part := range slices.Chunk(any, chunk) {
		if err := do(t.sets.any, part); err != nil {
			return err
		}
	}
	for part := range slices.Chunk(bound, chunk) {
		if err := do(t.sets.bound, part); err != nil {
			return err
		}
	}
	return nil
}

// ForwardDrops answers the chains of others, as "family table chain", that
// drop by default what the host forwards. A packet must pass all chains of a
// hook: an accept of ours cannot help it there. (Rules of the old iptables
// that are no nftables cannot be seen from here.)
func (t *Table) ForwardDrops() ([]string, error) {
	c, err := nftables.New()
	if err != nil {
		return nil, fmt.Errorf("list nftables chains: %w", err)
	}
	chains, err := c.ListChains()
	if err != nil {
		return nil, fmt.Errorf("list nftables chains: %w", err)
	}
	var found []string
	for _, chain := range chains {
		family := families[chain.Table.Family]
		drops := chain.Policy != nil && *chain.Policy == nftables.ChainPolicyDrop
		forwards := chain.Hooknum != nil && *chain.Hooknum == *nftables.ChainHookForward
		if drops && forwards && family != "" {
			found = append(found, family+" "+chain.Table.Name+" "+chain.Name)
		}
	}
	return found, nil
}

// families are those that see our packets, in nft's words.
var families = map[nftables.TableFamily]string{nftables.TableFamilyIPv4: "ip", nftables.TableFamilyINet: "inet"}
