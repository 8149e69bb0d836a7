package resolver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// A Conf is a resolv.conf. See resolv.conf(5).
type Conf struct {
	Nameservers []netip.Addr
	Search      []string
	Options     []string
}

// ParseConf reads a resolv.conf. Lines that it does not know, and nameservers
// that are no addresses, are passed over, as the C library does.
func ParseConf(text string) Conf {
	var c Conf
	for line := range strings.Lines(text) {
		if i := strings.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		switch fields[0] {
		case "nameserver":
			if a, err := netip.ParseAddr(fields[1]); err == nil {
				c.Nameservers = append(c.Nameservers, a)
			}
		case "search", "domain": // the last one counts
			c.Search = fields[1:]
		case "options":
			c.Options = append(c.Options, fields[1:]...)
		}
	}
	return c
}

// fallback are asked where the host has no nameserver that a container could
// reach: Google's, as with Docker.
var fallback = []netip.Addr{netip.AddrFrom4([4]byte{8, 8, 8, 8}), netip.AddrFrom4([4]byte{8, 8, 4, 4})}

// with lets what was asked for (--dns, --dns-search, --dns-option) take the
// place of what the host has. A search for "." means none.
func (c Conf) with(asked Conf) Conf {
	if len(asked.Nameservers) > 0 {
		c.Nameservers = asked.Nameservers
	}
	if len(asked.Search) > 0 {
		c.Search = asked.Search
	}
	if slices.Equal(c.Search, []string{"."}) {
		c.Search = nil
	}
	if len(asked.Options) > 0 {
		c.Options = asked.Options
	}
	return c
}

// Copied is the resolv.conf of a container on the default network: the host's,
// but for nameservers on loopback, where the container has nothing.
func Copied(host, asked Conf) Conf {
	c := host.with(asked)
	if len(asked.Nameservers) > 0 {
		return c
	}
	c.Nameservers = slices.DeleteFunc(slices.Clone(c.Nameservers), unreachable)
	if len(c.Nameservers) == 0 {
		c.Nameservers = fallback
	}
	return c
}

// unreachable tells the nameservers that only the host can ask: on loopback,
// or by IPv6, which our networks do not have.
func unreachable(a netip.Addr) bool { return a.IsLoopback() || !a.Is4() }

// Internal is the resolv.conf of a container on a user-defined network, which
// names nobody but us, and the servers that we ask in turn. Here even the
// host's loopback is fine, for it is the daemon who asks. With ndots:0 the
// name of a neighbour is tried as it is, before any search domain.
func Internal(host, asked Conf) (Conf, []netip.AddrPort) {
	c := host.with(asked)
	servers := c.Nameservers
	if len(servers) == 0 {
		servers = fallback
	}
	var upstream []netip.AddrPort
	for _, a := range servers {
		upstream = append(upstream, netip.AddrPortFrom(a, 53))
	}
	c.Nameservers = []netip.Addr{Address}
	if !slices.ContainsFunc(c.Options, func(o string) bool { return strings.HasPrefix(o, "ndots:") }) {
		c.Options = append(slices.Clone(c.Options), "ndots:0")
	}
	return c, upstream
}

// String is the file.
func (c Conf) String() string {
	var b strings.Builder
	b.WriteString("# Written by Drydock when the container started. Changes of yours are kept.\n\n")
	for _, a := range c.Nameservers {
		fmt.Fprintf(&b, "nameserver %s\n", a)
	}
	if len(c.Search) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(c.Search, " "))
	}
	if len(c.Options) > 0 {
		fmt.Fprintf(&b, "options %s\n", strings.Join(c.Options, " "))
	}
	return b.String()
}

// An Entry is one line of /etc/hosts: what --add-host asks for.
type Entry struct {
	Name string
	Addr netip.Addr
}

// Hosts is the file /etc/hosts of a container: the names of every machine,
// what was asked for, and the container's own. See hosts(5).
func Hosts(hostname, domain string, own []netip.Addr, extra []Entry) string {
	var b strings.Builder
	b.WriteString("127.0.0.1\tlocalhost\n" +
		"::1\tlocalhost ip6-localhost ip6-loopback\n" +
		"fe00::\tip6-localnet\n" +
		"ff00::\tip6-mcastprefix\n" +
		"ff02::1\tip6-allnodes\n" +
		"ff02::2\tip6-allrouters\n")
	for _, e := range extra {
		fmt.Fprintf(&b, "%s\t%s\n", e.Addr, e.Name)
	}
	names := hostname
	if domain != "" {
		names = hostname + "." + domain + " " + hostname
	}
	for _, a := range own {
		fmt.Fprintf(&b, "%s\t%s\n", a, names)
	}
	return b.String()
}
