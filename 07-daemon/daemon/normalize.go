package daemon

import (
	"maps"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/sandbox"
	"drydock/02-cgroups/cgroup"
)

// normalize fills in the defaults of a HostConfig, so that inspect shows what
// holds and not what was left out.
func (d *Daemon) normalize(h *container.HostConfig) {
	if h.NetworkMode == "" || h.NetworkMode.IsDefault() {
		h.NetworkMode = "bridge"
	}
	if h.IpcMode == "" {
		h.IpcMode = container.IPCModePrivate
	}
	if h.ShmSize == 0 {
		h.ShmSize = 64 << 20
	}
	if h.Memory > 0 && h.MemorySwap == 0 {
		h.MemorySwap = 2 * h.Memory
	}
	if h.RestartPolicy.Name == "" {
		h.RestartPolicy.Name = container.RestartPolicyDisabled
	}
	if h.LogConfig.Type == "" {
		h.LogConfig.Type = d.config.LogDriver
		h.LogConfig.Config = join(h.LogConfig.Config, d.config.LogOptions)
	}
	if h.CgroupnsMode == "" {
		h.CgroupnsMode = container.CgroupnsModePrivate
	}
	if h.Runtime == "" {
		h.Runtime = "runc"
	}
	if h.MemorySwappiness != nil && *h.MemorySwappiness == -1 {
		h.MemorySwappiness = nil
	}
	if h.PidsLimit != nil && *h.PidsLimit <= 0 {
		h.PidsLimit = nil
	}
	normalizePaths(h)
}

// normalizePaths writes the default lists out; a privileged container has
// none, and an empty list that the user gave stays empty.
func normalizePaths(h *container.HostConfig) {
	switch {
	case h.Privileged:
		h.MaskedPaths, h.ReadonlyPaths = nil, nil
		return
	case slices.Contains(h.SecurityOpt, "systempaths=unconfined"):
		h.MaskedPaths, h.ReadonlyPaths = []string{}, []string{}
		return
	}
	if h.MaskedPaths == nil {
		h.MaskedPaths = sandbox.DefaultMasked()
	}
	if h.ReadonlyPaths == nil {
		h.ReadonlyPaths = sandbox.DefaultReadonlyPaths()
	}
}

// limits turns Docker's resources into those of a group.
func limits(r *container.Resources) cgroup.Limits {
	l := cgroup.Limits{
		Memory: r.Memory, MemorySwap: r.MemorySwap, Reservation: r.MemoryReservation,
		CPUs: float64(r.NanoCPUs) / 1e9, CPUQuota: r.CPUQuota, CPUPeriod: r.CPUPeriod, CPUShares: r.CPUShares,
		CpusetCPUs: r.CpusetCpus, CpusetMems: r.CpusetMems,
	}
	if r.PidsLimit != nil && *r.PidsLimit > 0 {
		l.PIDs = *r.PidsLimit
	}
	return l
}

// validateSets checks lists like "0-2,5" against the CPUs that there are.
func validateSets(r *container.Resources) error {
	cpus, err := parseSet(r.CpusetCpus)
	if err != nil {
		return invalid("invalid value %s for cpuset cpus: %s", r.CpusetCpus, err)
	}
	if _, err := parseSet(r.CpusetMems); err != nil {
		return invalid("invalid value %s for cpuset mems: %s", r.CpusetMems, err)
	}
	if n := runtime.NumCPU(); len(cpus) > 0 && slices.Max(cpus) >= n {
		return invalid("Requested CPUs are not available - requested %s, available: 0-%d", r.CpusetCpus, n-1)
	}
	return nil
}

// parseSet reads a list of numbers and ranges. See cpuset(7), "List format".
func parseSet(text string) ([]int, error) {
	var set []int
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		a, err := strconv.ParseUint(first, 10, 12)
		if err != nil {
			return nil, err
		}
		b, err := strconv.ParseUint(last, 10, 12)
		if err != nil {
			return nil, err
		}
		for n := a; n <= b; n++ {
			set = append(set, int(n))
		}
	}
	return set, nil
}

// stopSignal reads a signal by name ("SIGTERM", "term") or number; empty is
// SIGTERM.
func stopSignal(text string) (unix.Signal, error) {
	if text == "" {
		return unix.SIGTERM, nil
	}
	if n, err := strconv.Atoi(text); err == nil {
		if n < 1 || n > 64 {
			return 0, invalid("invalid signal: %s", text)
		}
		return unix.Signal(n), nil
	}
	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	if sig := unix.SignalNum("SIG" + name); sig != 0 {
		return sig, nil
	}
	if base, offset, ok := realtime(name); ok {
		return unix.Signal(base + offset), nil
	}
	return 0, invalid("invalid signal: %s", text)
}

// realtime reads "RTMIN+3" and "RTMAX-2". See signal(7): the C library keeps
// the first two for itself, so RTMIN is 34.
func realtime(name string) (base, offset int, ok bool) {
	for prefix, number := range maps.All(map[string]int{"RTMIN": 34, "RTMAX": 64}) {
		rest, found := strings.CutPrefix(name, prefix)
		if !found {
			continue
		}
		if rest == "" {
			return number, 0, true
		}
		n, err := strconv.Atoi(rest)
		return number, n, err == nil && number+n >= 34 && number+n <= 64
	}
	return 0, 0, false
}
