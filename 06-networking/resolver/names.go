package resolver

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// A book holds the names of the containers of every network. It is safe for
// concurrent use.
type book struct {
	mu    sync.RWMutex // guards what follows
	pages map[string]page
	turn  int // where the next answer with several addresses begins
}

// A page is the names of one network: addresses by name, names by address.
type page struct {
	addresses map[string][]netip.Addr
	names     map[netip.Addr][]string
}

func (b *book) add(network string, a netip.Addr, names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pages == nil {
		b.pages = map[string]page{}
	}
	p, ok := b.pages[network]
	if !ok {
		p = page{map[string][]netip.Addr{}, map[netip.Addr][]string{}}
		b.pages[network] = p
	}
	for _, name := range names {
		name = strings.ToLower(name)
		if !slices.Contains(p.addresses[name], a) {
			p.addresses[name] = append(p.addresses[name], a)
			p.names[a] = append(p.names[a], name)
		}
	}
}

func (b *book) remove(network string, a netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.pages[network]
	for _, name := range p.names[a] {
		left := slices.DeleteFunc(p.addresses[name], func(other netip.Addr) bool { return other == a })
		if len(left) == 0 {
			delete(p.addresses, name)
		} else {
			p.addresses[name] = left
		}
	}
	delete(p.names, a)
	if len(p.names) == 0 {
		delete(b.pages, network)
	}
}

// find answers the addresses of a name in the first of networks that knows
// it. "web.back" is web in network back. Several addresses take turns in
// coming first, so that clients spread over them.
func (b *book) find(networks []string, name string) []netip.Addr {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, network := range networks {
		p := b.pages[network]
		found := p.addresses[name]
		if short, ok := strings.CutSuffix(name, "."+strings.ToLower(network)); ok && found == nil {
			found = p.addresses[short]
		}
		if len(found) > 0 {
			b.turn++
			first := b.turn % len(found)
			return slices.Concat(found[first:], found[:first])
		}
	}
	return nil
}

// name answers who has an address, with the network behind it, as Docker says
// it, or "".
func (b *book) name(networks []string, a netip.Addr) string {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, network := range networks {
		if names := b.pages[network].names[a]; len(names) > 0 {
			return names[0] + "." + network
		}
	}
	return ""
}
