package daemon

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"

	"drydock/06-networking/bridge"
)

// localNames open every /etc/hosts that we write.
const localNames = `127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
fe00::	ip6-localnet
ff00::	ip6-mcastprefix
ff02::1	ip6-allnodes
ff02::2	ip6-allrouters
`

// hostsFile is the text of /etc/hosts. The addresses of the container are
// known only after it was connected, so the file is written twice; its inode
// stays the same, because it is the inode that is mounted.
func hostsFile(r *record, leases []bridge.Lease) string {
	var b strings.Builder
	b.WriteString(localNames)
	for _, extra := range r.HostConfig.ExtraHosts {
		name, address, ok := cutHost(extra)
		if !ok {
			continue
		}
		if address == "host-gateway" && len(leases) > 0 {
			address = leases[0].Gateway.String()
		}
		fmt.Fprintf(&b, "%s\t%s\n", address, name)
	}
	for _, lease := range leases {
		name := r.Config.Hostname
		if r.Config.Domainname != "" {
			name += "." + r.Config.Domainname + " " + r.Config.Hostname
		}
		fmt.Fprintf(&b, "%s\t%s\n", lease.Address.Addr(), name)
	}
	return b.String()
}

// cutHost splits NAME:ADDRESS or NAME=ADDRESS; the address may have colons.
func cutHost(entry string) (name, address string, ok bool) {
	i := strings.IndexAny(entry, ":=")
	if i <= 0 {
		return "", "", false
	}
	return entry[:i], strings.Trim(entry[i+1:], "[]"), true
}

// validateHosts refuses --add-host entries that mean nothing.
func validateHosts(_ *container.Config, h *container.HostConfig) error {
	for _, entry := range h.ExtraHosts {
		_, address, ok := cutHost(entry)
		if !ok {
			return invalid("bad format for add-host: %q", entry)
		}
		if _, err := netip.ParseAddr(address); err != nil && address != "host-gateway" {
			return invalid("invalid IP address in add-host: %q", address)
		}
	}
	return nil
}

// A resolver is the content of a resolv.conf. See resolv.conf(5).
type resolver struct {
	servers, search, options []string
}

// parseResolver reads a resolv.conf.
func parseResolver(text string) resolver {
	var c resolver
	for line := range strings.Lines(text) {
		switch words := strings.Fields(line); {
		case len(words) < 2:
		case words[0] == "nameserver":
			c.servers = append(c.servers, words[1])
		case words[0] == "search", words[0] == "domain":
			c.search = words[1:]
		case words[0] == "options":
			c.options = append(c.options, words[1:]...)
		}
	}
	return c
}

// reachable leaves out servers on loopback: there is another loopback in the
// container.
func (c resolver) reachable() resolver {
	c.servers = slices.DeleteFunc(slices.Clone(c.servers), func(s string) bool {
		ip, err := netip.ParseAddr(s)
		return err == nil && ip.IsLoopback()
	})
	return c
}

// with puts what was asked for in the place of what is there.
func (c resolver) with(servers []netip.Addr, search, options []string) resolver {
	if len(servers) > 0 {
		c.servers = nil
		for _, s := range servers {
			c.servers = append(c.servers, s.String())
		}
	}
	if len(search) > 0 {
		c.search = search
	}
	if len(options) > 0 {
		c.options = options
	}
	return c
}

func (c resolver) String() string {
	var b strings.Builder
	for _, s := range c.servers {
		fmt.Fprintf(&b, "nameserver %s\n", s)
	}
	if len(c.search) > 0 && !slices.Equal(c.search, []string{"."}) {
		fmt.Fprintf(&b, "search %s\n", strings.Join(c.search, " "))
	}
	if len(c.options) > 0 {
		fmt.Fprintf(&b, "options %s\n", strings.Join(c.options, " "))
	}
	return b.String()
}

// resolvConf is the text of a container's resolv.conf.
func (d *Daemon) resolvConf(h *container.HostConfig) (string, error) {
	text, err := os.ReadFile("/etc/resolv.conf")
	if err != nil && !os.IsNotExist(err) {
		return "", fmt.Errorf("read the host's resolv.conf: %w", err)
	}
	c := parseResolver(string(text))
	if !h.NetworkMode.IsHost() {
		c = c.reachable()
	}
	c = c.with(d.config.DNS, d.config.DNSSearch, d.config.DNSOptions)
	return c.with(h.DNS, h.DNSSearch, h.DNSOptions).String(), nil
}

// writeFiles writes the container's hostname, hosts and resolv.conf. Those of
// a container that shares another's network are the other's.
func (d *Daemon) writeFiles(r *record) error {
	if r.HostConfig.NetworkMode.IsContainer() {
		return nil
	}
	resolv, err := d.resolvConf(r.HostConfig)
	if err != nil {
		return err
	}
	if err := overwrite(r.HostnamePath, r.Config.Hostname+"\n"); err != nil {
		return err
	}
	if err := overwrite(r.ResolvConfPath, resolv); err != nil {
		return err
	}
	return overwrite(r.HostsPath, hostsFile(r, nil))
}

// overwrite keeps the inode and its mode for everybody: the container's users
// read it too.
func overwrite(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("write %s of the container: %w", filepath.Base(path), err)
	}
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return fmt.Errorf("write %s of the container: %w", filepath.Base(path), err)
	}
	return f.Close()
}
