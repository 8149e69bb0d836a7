package daemon

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"

	"drydock/01-namespaces/seccomp"
)

// neighbours finds the processes whose namespaces a container joins. It reads
// their pids without their locks: two containers may name one another.
func (d *Daemon) neighbours(h *container.HostConfig) (n neighbours, err error) {
	for _, j := range []struct {
		ref, what string
		pid       *int
	}{
		{h.NetworkMode.ConnectedContainer(), "network", &n.net},
		{h.IpcMode.Container(), "IPC", &n.ipc},
		{h.PidMode.Container(), "PID", &n.pid},
	} {
		if j.ref == "" {
			continue
		}
		other, err := d.find(j.ref)
		if err != nil {
			return n, err
		}
		if *j.pid = int(other.pid.Load()); *j.pid == 0 {
			return n, conflict("cannot join %s namespace of a non running container: container %s is not running", j.what, other.id)
		}
	}
	return n, nil
}

// checkNeighbours tells at create of containers that do not exist. That is no
// "not found": a client would take it for the image, and pull.
func (d *Daemon) checkNeighbours(h *container.HostConfig) error {
	if h.NetworkMode.IsContainer() && h.NetworkMode.ConnectedContainer() == "" {
		return invalid("invalid network mode: invalid container format container:<name|id>")
	}
	for _, ref := range []string{h.NetworkMode.ConnectedContainer(), h.IpcMode.Container(), h.PidMode.Container()} {
		if ref == "" {
			continue
		}
		if _, err := d.find(ref); err != nil {
			return invalid("%s", err)
		}
	}
	return nil
}

// filesOf is the record whose files of /etc the container sees: its own, or
// those of the container whose network it shares.
func (d *Daemon) filesOf(r *record) *record {
	if ref := r.HostConfig.NetworkMode.ConnectedContainer(); ref != "" {
		if other, err := d.find(ref); err == nil {
			return other.record // its paths never change
		}
	}
	return r
}

// creates says whether the source of a bind mount may be made: -v does,
// --mount only when it says so.
func creates(h *container.HostConfig, target string) bool {
	if slices.ContainsFunc(h.Binds, func(bind string) bool {
		parts := strings.Split(bind, ":")
		return len(parts) > 1 && strings.TrimRight(parts[1], "/") == target
	}) {
		return true
	}
	for _, m := range h.Mounts {
		if strings.TrimRight(m.Target, "/") == target && m.BindOptions != nil {
			return m.BindOptions.CreateMountpoint
		}
	}
	return false
}

// filter compiles the seccomp profile of a container. A default one depends on
// the capabilities alone and is compiled once for each set of them.
func (d *Daemon) filter(h *container.HostConfig) (seccomp.Program, error) {
	guard, err := security(h.SecurityOpt)
	if err != nil || guard.unconfined || h.Privileged {
		return nil, err
	}
	caps, err := capabilities(h)
	if err != nil {
		return nil, err
	}
	if guard.profile != "" {
		return compile([]byte(guard.profile), caps)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if p, ok := d.filters[caps]; ok {
		return p, nil
	}
	p, err := compile(nil, caps)
	if err != nil {
		return nil, fmt.Errorf("compile the default seccomp profile: %w", err)
	}
	d.filters[caps] = p
	return p, nil
}
