package sandbox

import "drydock/01-namespaces/mount"

// DefaultMounts are what Docker mounts in every container: the kernel's view
// of the new namespaces, and an own /dev. They come before all other mounts.
// See proc(5), sysfs(5), tmpfs(5), pts(4), mq_overview(7).
func DefaultMounts() []mount.Mount {
	closed := []string{"nosuid", "noexec", "nodev"}
	return []mount.Mount{
		{Type: "proc", Source: "proc", Target: "/proc", Options: closed},
		{Type: "tmpfs", Source: "tmpfs", Target: "/dev",
			Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Type: "devpts", Source: "devpts", Target: "/dev/pts",
			Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Type: "sysfs", Source: "sysfs", Target: "/sys", Options: append([]string{"ro"}, closed...)},
		{Type: "mqueue", Source: "mqueue", Target: "/dev/mqueue", Options: closed},
		{Type: "tmpfs", Source: "shm", Target: "/dev/shm",
			Options: append([]string{"mode=1777", "size=65536k"}, closed...)},
	}
}

// CgroupMount shows a container its own control groups, read-only, on a
// machine with the unified hierarchy. It belongs behind the DefaultMounts. See
// cgroups(7).
func CgroupMount() mount.Mount {
	return mount.Mount{Type: "cgroup2", Source: "cgroup", Target: "/sys/fs/cgroup",
		Options: []string{"ro", "nosuid", "noexec", "nodev", "nsdelegate", "memory_recursiveprot"}}
}

// DefaultMasked are the paths that Docker covers: they tell about the
// machine, or would let the container change it.
func DefaultMasked() []string {
	return []string{
		"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys",
		"/proc/latency_stats", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
		"/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
	}
}

// DefaultReadonlyPaths are the paths that Docker mounts read-only: knobs of
// the whole machine that have no namespace.
func DefaultReadonlyPaths() []string {
	return []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
}
