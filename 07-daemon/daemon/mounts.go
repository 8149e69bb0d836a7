package daemon

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"

	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/sandbox"
)

// systemMounts are what every container finds beside its image, as far as the
// host configuration changes them. The sandbox makes them inside the
// container's own mount namespace.
func systemMounts(h *container.HostConfig) []mount.Mount {
	var mounts []mount.Mount
	for _, m := range sandbox.DefaultMounts() {
		switch {
		case m.Target == "/dev/shm":
			if m = shm(m, h); m.Type == "" {
				continue
			}
		case m.Type == "sysfs" && h.Privileged:
			m.Options = slices.DeleteFunc(slices.Clone(m.Options), func(o string) bool { return o == "ro" })
		}
		mounts = append(mounts, m)
	}
	return mounts
}

// shm is /dev/shm: the host's with --ipc host, none with --ipc none, else a
// tmpfs of the size asked for.
func shm(m mount.Mount, h *container.HostConfig) mount.Mount {
	switch {
	case h.IpcMode.IsHost():
		return mount.Mount{Type: "bind", Source: "/dev/shm", Target: "/dev/shm", Options: []string{"rbind", "rprivate"}}
	case h.IpcMode.IsNone():
		return mount.Mount{}
	}
	if h.ShmSize > 0 {
		m.Options = append(slices.Clone(m.Options), fmt.Sprintf("size=%d", h.ShmSize)) // the last one counts
	}
	return m
}

// userMounts are the binds and volumes of the record and the tmpfs mounts of
// the host configuration, in the order in which they lie in one another.
func userMounts(r *record) []mount.Mount {
	var mounts []mount.Mount
	for _, p := range r.Mounts {
		driven, ok := r.Driven[p.Name]
		switch {
		case p.Type == "tmpfs":
			mounts = append(mounts, tmpfs(p.Destination, r.HostConfig))
		case p.Type == "volume" && ok:
			mounts = append(mounts, drive(driven, p))
		default:
			mounts = append(mounts, bind(p, r.HostConfig))
		}
	}
	return mounts
}

// drive mounts what the options of a volume name: inside the container, so
// that nothing of it is ever mounted on the host.
func drive(m mount.Mount, p container.MountPoint) mount.Mount {
	m.Target = p.Destination
	if !p.RW {
		m.Options = append(slices.Clone(m.Options), "ro")
	}
	return m
}

// bind makes a directory of the host visible. Read-only covers the mounts
// below it too, as Docker does since it can. See mount_setattr(2).
func bind(p container.MountPoint, h *container.HostConfig) mount.Mount {
	m := mount.Mount{Type: "bind", Source: p.Source, Target: p.Destination}
	recursive, readOnly := "rbind", "rro"
	for _, asked := range h.Mounts {
		if o := asked.BindOptions; o != nil && path.Clean(asked.Target) == p.Destination {
			if o.NonRecursive {
				recursive = "bind"
			}
			if o.NonRecursive || o.ReadOnlyNonRecursive {
				readOnly = "ro"
			}
		}
	}
	m.Options = []string{recursive, "rprivate"}
	if p.Propagation != "" {
		m.Options[1] = string(p.Propagation)
	}
	if !p.RW {
		m.Options = append(m.Options, readOnly)
	}
	return m
}

// tmpfs is a --tmpfs or a --mount type=tmpfs. A later option overrules an
// earlier one: exec takes noexec back.
func tmpfs(target string, h *container.HostConfig) mount.Mount {
	m := mount.Mount{Type: "tmpfs", Source: "tmpfs", Target: target, Options: []string{"nosuid", "nodev"}}
	for asked, options := range h.Tmpfs {
		if path.Clean(asked) == target {
			m.Options = append(m.Options, "noexec")
			m.Options = append(m.Options, strings.FieldsFunc(options, func(r rune) bool { return r == ',' })...)
		}
	}
	for _, asked := range h.Mounts {
		if asked.Type != "tmpfs" || path.Clean(asked.Target) != target {
			continue
		}
		m.Options = append(m.Options, "noexec")
		if asked.ReadOnly {
			m.Options = append(m.Options, "ro")
		}
		if o := asked.TmpfsOptions; o != nil {
			m.Options = append(m.Options, tmpfsOptions(o.SizeBytes, uint32(o.Mode))...)
		}
	}
	return m
}

func tmpfsOptions(size int64, mode uint32) []string {
	var options []string
	if size > 0 {
		options = append(options, fmt.Sprintf("size=%d", size))
	}
	if mode != 0 {
		options = append(options, fmt.Sprintf("mode=%o", mode))
	}
	return options
}

// layOut puts the mounts of a container in order: what a user puts in the
// place of a default replaces it.
func layOut(defaults, users []mount.Mount) []mount.Mount {
	kept := slices.DeleteFunc(slices.Clone(defaults), func(m mount.Mount) bool {
		return slices.ContainsFunc(users, func(u mount.Mount) bool { return u.Target == m.Target })
	})
	return append(kept, users...)
}
