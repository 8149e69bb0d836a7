package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/sandbox"
	"drydock/02-cgroups/cgroup"
	"drydock/02-cgroups/device"
)

// devices finds the nodes that a container gets beside the standard ones: what
// --device names, or every device of the host for a privileged container.
func devices(h *container.HostConfig) ([]sandbox.Device, error) {
	if h.Privileged {
		return below("/dev", "/dev")
	}
	var all []sandbox.Device
	for _, m := range h.Devices {
		if strings.Trim(m.CgroupPermissions, "rwm") != "" {
			return nil, invalid("invalid device mode: %s", m.CgroupPermissions)
		}
		inside := m.PathInContainer
		if inside == "" {
			inside = m.PathOnHost
		}
		if !filepath.IsAbs(inside) || !strings.HasPrefix(filepath.Clean(inside), "/dev/") {
			return nil, invalid("device %s: the path inside the container must lie in /dev", inside)
		}
		found, err := node(m.PathOnHost, filepath.Clean(inside))
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// node describes one device of the host, or all below a directory. A link is
// followed, as /dev/disk/by-id is nothing but links. See stat(2).
func node(host, inside string) ([]sandbox.Device, error) {
	var st unix.Stat_t
	if err := unix.Stat(host, &st); err != nil {
		return nil, fmt.Errorf("error gathering device information while adding custom device %q: %w", host, err)
	}
	kind := ""
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return below(host, inside)
	case unix.S_IFCHR:
		kind = "c"
	case unix.S_IFBLK:
		kind = "b"
	default:
		return nil, invalid("error gathering device information while adding custom device %q: not a device node", host)
	}
	return []sandbox.Device{{
		Path: inside, Type: kind, Major: unix.Major(st.Rdev), Minor: unix.Minor(st.Rdev),
		Mode: st.Mode & 0o7777, UID: st.Uid, GID: st.Gid,
	}}, nil
}

// ours are the parts of /dev that a container has of its own.
var ours = []string{"/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/fd", "/dev/console", "/dev/null", "/dev/zero",
	"/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx"}

func below(host, inside string) ([]sandbox.Device, error) {
	var all []sandbox.Device
	err := filepath.WalkDir(host, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := inside + strings.TrimPrefix(path, host)
		if slices.Contains(ours, target) {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if e.Type()&fs.ModeDevice == 0 {
			return nil
		}
		found, err := node(path, target)
		all = append(all, found...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the devices in %s: %w", host, err)
	}
	return all, nil
}

// deviceRules say which devices the container's group may use: those that
// every container may, those that it was given, and what the user adds.
func deviceRules(h *container.HostConfig) ([]device.Rule, error) {
	if h.Privileged {
		return device.All(), nil
	}
	rules := device.Default()
	for _, m := range h.Devices {
		found, err := node(m.PathOnHost, m.PathOnHost)
		if err != nil {
			return nil, err
		}
		access := m.CgroupPermissions
		if access == "" {
			access = "rwm"
		}
		for _, f := range found {
			rules = append(rules, device.Rule{Allow: true, Type: f.Type, Major: int64(f.Major), Minor: int64(f.Minor), Access: access})
		}
	}
	for _, text := range h.DeviceCgroupRules {
		r, err := device.Parse(text)
		if err != nil {
			return nil, invalid("invalid device cgroup rule format: '%s'", text)
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// validateDevices looks the devices up once, so that create tells of a missing
// one.
func validateDevices(h *container.HostConfig) error {
	if h.Privileged {
		return nil
	}
	if _, err := deviceRules(h); err != nil {
		return err
	}
	_, err := devices(h)
	return err
}

// group makes the control group of a container, with its limits and what it
// may do to devices.
func (d *Daemon) group(name string, h *container.HostConfig) (*cgroup.Group, error) {
	rules, err := deviceRules(h)
	if err != nil {
		return nil, err
	}
	g, err := d.tree.Create(name, limits(&h.Resources))
	if err != nil {
		return nil, err
	}
	if err := device.Apply(g, rules); err != nil {
		return nil, errors.Join(err, g.Delete())
	}
	return g, nil
}
