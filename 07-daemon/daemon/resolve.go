package daemon

import (
	"fmt"
	"net/netip"
	"os"
	"slices"

	"drydock/01-namespaces/namespace"
	"drydock/06-networking/bridge"
	"drydock/06-networking/resolver"
)

// named are the networks of a container on which names are answered: those
// that a user made. On the default one nobody has a name.
func named(r *record) []string {
	if !cabled(r.HostConfig) {
		return nil
	}
	return slices.DeleteFunc(order(r), func(name string) bool { return name == bridge.Default })
}

// conf is the container's resolv.conf, and which servers we ask for it: on a
// network of a user's own it names nobody but us, elsewhere it is a copy of
// the host's, and what was asked for takes the place of either.
func (d *Daemon) conf(r *record) (resolver.Conf, []netip.AddrPort, error) {
	text, err := os.ReadFile("/etc/resolv.conf")
	if err != nil && !os.IsNotExist(err) {
		return resolver.Conf{}, nil, fmt.Errorf("read the host's resolv.conf: %w", err)
	}
	host, h := resolver.ParseConf(string(text)), r.HostConfig
	asked := resolver.Conf{
		Nameservers: either(h.DNS, d.config.DNS),
		Search:      either(h.DNSSearch, d.config.DNSSearch),
		Options:     either(h.DNSOptions, d.config.DNSOptions),
	}
	if len(named(r)) > 0 {
		conf, upstream := resolver.Internal(host, asked)
		return conf, upstream, nil
	}
	if h.NetworkMode.IsHost() { // even the servers on loopback are within reach
		asked.Nameservers = either(asked.Nameservers, host.Nameservers)
	}
	return resolver.Copied(host, asked), nil, nil
}

func either[T any](first, second []T) []T {
	if len(first) > 0 {
		return first
	}
	return second
}

// dnsNames are those by which neighbours on a network find a container.
func dnsNames(r *record, network string) []string {
	names := []string{r.Name}
	if asked := r.Networks[network]; asked != nil {
		names = append(names, asked.Aliases...)
	}
	names = append(names, r.ID[:12], r.Config.Hostname)
	var once []string
	for _, name := range names {
		if name != "" && !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}

// introduce tells the names of a container to its neighbours, and lets it ask
// for theirs. It is called whenever its networks change, and again by the next
// daemon: our sockets in its namespace end with us.
func (d *Daemon) introduce(r *record, pid int, leases []bridge.Lease) error {
	networks := named(r)
	if len(networks) == 0 {
		return nil
	}
	_, upstream, err := d.conf(r)
	if err != nil {
		return err
	}
	for _, lease := range leases {
		if slices.Contains(networks, lease.Network) {
			d.resolver.Remove(lease.Network, lease.Address.Addr())
			d.resolver.Add(lease.Network, lease.Address.Addr(), dnsNames(r, lease.Network)...)
		}
	}
	if !d.outward(order(r)) {
		upstream = nil
	}
	return d.resolver.Serve(resolver.Client{ID: r.ID, Netns: namespace.Path(pid, namespace.Net), Networks: networks, Upstream: upstream})
}

// outward says whether one of the networks has a way out. Who is on internal
// networks only must not talk to the world through our mouth either.
func (d *Daemon) outward(networks []string) bool {
	return slices.ContainsFunc(networks, func(name string) bool {
		n, err := d.config.Networks.Find(name)
		return err == nil && !n.Internal
	})
}

// reintroduce does so for a container whose networks changed while it runs,
// and writes its files anew. mu is held.
func (d *Daemon) reintroduce(r *record) error {
	conf, _, err := d.conf(r)
	if err != nil {
		return err
	}
	if err := overwrite(r.HostsPath, hostsFile(r, r.State.Leases)); err != nil {
		return err
	}
	if err := overwrite(r.ResolvConfPath, conf.String()); err != nil {
		return err
	}
	return d.introduce(r, r.State.Pid, r.State.Leases)
}
