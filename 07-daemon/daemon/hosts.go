package daemon

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/moby/api/types/container"

	"drydock/06-networking/bridge"
	"drydock/06-networking/resolver"
)

// hostsFile is the text of /etc/hosts. The addresses of the container are
// known only after it was connected, so the file is written twice; its inode
// stays the same, because it is the inode that is mounted.
func hostsFile(r *record, leases []bridge.Lease) string {
	var extra []resolver.Entry
	for _, entry := range r.HostConfig.ExtraHosts {
		name, text, _ := cutHost(entry)
		address, err := netip.ParseAddr(text)
		if text == "host-gateway" && len(leases) > 0 {
			address, err = leases[0].Gateway, nil
		}
		if err == nil {
			extra = append(extra, resolver.Entry{Name: name, Addr: address})
		}
	}
	var own []netip.Addr
	for _, lease := range leases {
		own = append(own, lease.Address.Addr())
	}
	return resolver.Hosts(r.Config.Hostname, r.Config.Domainname, own, extra)
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

// writeFiles writes the container's hostname, hosts and resolv.conf. Those of
// a container that shares another's network are the other's.
func (d *Daemon) writeFiles(r *record) error {
	if r.HostConfig.NetworkMode.IsContainer() {
		return nil
	}
	resolv, _, err := d.conf(r)
	if err != nil {
		return err
	}
	if err := overwrite(r.HostnamePath, r.Config.Hostname+"\n"); err != nil {
		return err
	}
	if err := overwrite(r.ResolvConfPath, resolv.String()); err != nil {
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
