package daemon

import (
	"path"
	"strings"

	"github.com/moby/moby/api/types/container"

	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandbox"
	"drydock/01-namespaces/seccomp"
)

// A world is what a spec depends on besides the record: facts that are looked
// up when the container starts.
type world struct {
	root    mount.Mount      // the tree
	files   []mount.Mount    // /etc/hosts and its kin
	devices []sandbox.Device // beside the standard ones
	join    neighbours
	filter  seccomp.Program
	unified bool // cgroup v2 alone
}

// neighbours are the first processes of containers whose namespaces are
// shared; 0 is none.
type neighbours struct{ net, ipc, pid int }

// assemble turns what was asked for into what the sandbox performs. It reads
// nothing and changes nothing.
func assemble(r *record, w world) (sandbox.Spec, error) {
	process, err := program(r, w.filter)
	if err != nil {
		return sandbox.Spec{}, err
	}
	kinds := kinds(r.HostConfig)
	if w.unified {
		w.files = append(w.files, cgroupMount(r.HostConfig))
	}
	return sandbox.Spec{
		Root:          w.root,
		ReadOnly:      r.HostConfig.ReadonlyRootfs,
		Mounts:        layOut(append(systemMounts(r.HostConfig), w.files...), userMounts(r)),
		New:           kinds,
		Join:          joins(w.join),
		Hostname:      hostname(r, kinds),
		Domainname:    r.Config.Domainname,
		Masked:        r.HostConfig.MaskedPaths,
		ReadonlyPaths: r.HostConfig.ReadonlyPaths,
		Devices:       w.devices,
		Sysctls:       r.HostConfig.Sysctls,
		Process:       process,
	}, nil
}

// kinds are the namespaces that the container gets of its own.
func kinds(h *container.HostConfig) namespace.Kind {
	own := namespace.Mount
	for _, k := range []struct {
		kind  namespace.Kind
		share bool
	}{
		{namespace.UTS, h.UTSMode.IsHost()},
		{namespace.IPC, h.IpcMode.IsHost() || h.IpcMode.IsContainer()},
		{namespace.PID, h.PidMode.IsHost() || h.PidMode.IsContainer()},
		{namespace.Net, h.NetworkMode.IsHost() || h.NetworkMode.IsContainer()},
		{namespace.Cgroup, h.CgroupnsMode.IsHost()},
	} {
		if !k.share {
			own |= k.kind
		}
	}
	return own
}

func joins(n neighbours) []string {
	var files []string
	for _, j := range []struct {
		pid  int
		kind namespace.Kind
	}{{n.net, namespace.Net}, {n.ipc, namespace.IPC}, {n.pid, namespace.PID}} {
		if j.pid != 0 {
			files = append(files, namespace.Path(j.pid, j.kind))
		}
	}
	return files
}

// hostname is set only where it is ours to set.
func hostname(r *record, own namespace.Kind) string {
	if own&namespace.UTS == 0 {
		return ""
	}
	return r.Config.Hostname
}

// cgroupMount shows the container its own part of the unified hierarchy.
func cgroupMount(h *container.HostConfig) mount.Mount {
	m := mount.Mount{Type: "cgroup2", Source: "cgroup", Target: "/sys/fs/cgroup", Options: []string{"nosuid", "noexec", "nodev", "ro"}}
	if h.Privileged {
		m.Options = m.Options[:3]
	}
	return m
}

// program is the first process of the container.
func program(r *record, filter seccomp.Program) (sandbox.Process, error) {
	caps, err := capabilities(r.HostConfig)
	if err != nil {
		return sandbox.Process{}, err
	}
	guard, err := security(r.HostConfig.SecurityOpt)
	if err != nil {
		return sandbox.Process{}, err
	}
	rlimits, err := rlimits(r.HostConfig.Ulimits)
	if err != nil {
		return sandbox.Process{}, err
	}
	score := r.HostConfig.OomScoreAdj
	p := sandbox.Process{
		Args:            append([]string{r.Path}, r.Args...),
		Env:             environment(r.Config),
		Dir:             r.Config.WorkingDir,
		User:            r.Config.User,
		Groups:          r.HostConfig.GroupAdd,
		Capabilities:    caps,
		Seccomp:         filter,
		Rlimits:         rlimits,
		NoNewPrivileges: guard.noNewPrivileges,
		Terminal:        r.Config.Tty,
		Rows:            uint16(r.HostConfig.ConsoleSize[0]),
		Columns:         uint16(r.HostConfig.ConsoleSize[1]),
	}
	if score != 0 {
		p.OOMScore = &score
	}
	return p, nil
}

func rlimits(asked []*container.Ulimit) ([]sandbox.Rlimit, error) {
	var all []sandbox.Rlimit
	for _, u := range asked {
		limit, err := u.GetRlimit()
		if err != nil {
			return nil, invalid("%s", err)
		}
		all = append(all, sandbox.Rlimit{Type: limit.Type, Soft: limit.Soft, Hard: limit.Hard})
	}
	return all, nil
}

// fileMounts are the files of /etc that belong to the container and not to
// its image, unless the user mounts his own over them.
func fileMounts(r *record) []mount.Mount {
	var mounts []mount.Mount
	for _, f := range []struct{ source, target string }{
		{r.ResolvConfPath, "/etc/resolv.conf"}, {r.HostnamePath, "/etc/hostname"}, {r.HostsPath, "/etc/hosts"},
	} {
		if f.source != "" {
			mounts = append(mounts, mount.Mount{Type: "bind", Source: f.source, Target: f.target, Options: []string{"rbind", "rprivate"}})
		}
	}
	return mounts
}

// safeSysctls are those of kernel.* that belong to an IPC or UTS namespace.
// Every other one of kernel.* would change the host.
var safeSysctls = strings.Fields(`kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax
	kernel.shmmni kernel.shm_rmid_forced`)

// validateSysctls refuses what is not part of a namespace of the container.
func validateSysctls(h *container.HostConfig) error {
	own := kinds(h)
	for name := range h.Sysctls {
		switch dotted := strings.ReplaceAll(name, "/", "."); {
		case strings.HasPrefix(dotted, "net."):
			if own&namespace.Net == 0 {
				return invalid("sysctl %q not allowed in host network namespace", name)
			}
		case strings.HasPrefix(dotted, "fs.mqueue."), contains(safeSysctls, dotted):
			if own&namespace.IPC == 0 {
				return invalid("sysctl %q not allowed in host IPC namespace", name)
			}
		default:
			return invalid("sysctl %q is not in a separate kernel namespace", name)
		}
	}
	return nil
}

func contains(words []string, word string) bool {
	for _, w := range words {
		if w == word {
			return true
		}
	}
	return false
}

// groupName is the container's group below the tree.
func groupName(parent, id string) string { return path.Join(strings.Trim(parent, "/"), id) }
