package daemon

import (
	"runtime"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
)

// leastMemory is Docker's lower bound: less does not hold a process.
const leastMemory = 6 << 20

// validate refuses what contradicts itself and what cannot be honoured. It
// changes nothing: see normalize for defaults.
func validate(c *container.Config, h *container.HostConfig) error {
	for _, check := range []func(*container.Config, *container.HostConfig) error{
		validateConfig, validateModes, validateRestart, validatePorts, validateHosts, unsupported,
	} {
		if err := check(c, h); err != nil {
			return err
		}
	}
	if err := validateMemory(&h.Resources); err != nil {
		return err
	}
	if err := validateCPUs(&h.Resources); err != nil {
		return err
	}
	_, err := security(h.SecurityOpt)
	return err
}

func validateConfig(c *container.Config, h *container.HostConfig) error {
	if _, err := workingDir(c.WorkingDir); err != nil {
		return err
	}
	for _, entry := range c.Env {
		if strings.HasPrefix(entry, "=") || entry == "" {
			return invalid("invalid environment variable: %s", entry)
		}
	}
	if _, err := stopSignal(c.StopSignal); err != nil {
		return err
	}
	if h.OomScoreAdj < -1000 || h.OomScoreAdj > 1000 {
		return invalid("Invalid value %d, range for oom score adj is [-1000, 1000]", h.OomScoreAdj)
	}
	if h.ShmSize < 0 {
		return invalid("SHM size can not be less than 0")
	}
	_, err := logging(h.LogConfig)
	return err
}

// validateModes checks whose namespaces are shared.
func validateModes(c *container.Config, h *container.HostConfig) error {
	switch {
	case !h.IpcMode.Valid():
		return invalid("invalid IPC mode: %v", h.IpcMode)
	case !h.PidMode.Valid():
		return invalid("invalid PID mode: %v", h.PidMode)
	case !h.UTSMode.Valid():
		return invalid("invalid UTS mode: %v", h.UTSMode)
	case !h.CgroupnsMode.Valid():
		return invalid("invalid cgroup namespace mode: %v", h.CgroupnsMode)
	case h.UTSMode.IsHost() && c.Hostname != "":
		return invalid("conflicting options: hostname and the UTS mode")
	case h.NetworkMode.IsContainer() && c.Hostname != "":
		return invalid("conflicting options: hostname and the network mode")
	case h.NetworkMode.IsContainer() && len(h.PortBindings) > 0:
		return invalid("conflicting options: port publishing and the container type network mode")
	case h.NetworkMode.IsContainer() && len(h.DNS) > 0:
		return invalid("conflicting options: dns and the network mode")
	case h.NetworkMode.IsContainer() && len(h.ExtraHosts) > 0:
		return invalid("conflicting options: custom host-to-IP mapping and the network mode")
	default:
		return nil
	}
}

func validateRestart(_ *container.Config, h *container.HostConfig) error {
	if err := container.ValidateRestartPolicy(h.RestartPolicy); err != nil {
		return invalid("%s", err)
	}
	if h.AutoRemove && !h.RestartPolicy.IsNone() {
		return invalid("can't create 'AutoRemove' container with restart policy")
	}
	return nil
}

func validateMemory(r *container.Resources) error {
	switch {
	case r.Memory < 0:
		return invalid("invalid memory limit: %d", r.Memory)
	case r.Memory != 0 && r.Memory < leastMemory:
		return invalid("Minimum memory limit allowed is 6MB")
	case r.Memory == 0 && r.MemorySwap > 0:
		return invalid("You should always set the Memory limit when using Memoryswap limit, see usage")
	case r.Memory > 0 && r.MemorySwap > 0 && r.MemorySwap < r.Memory:
		return invalid("Minimum memoryswap limit should be larger than memory limit, see usage")
	case r.MemoryReservation != 0 && r.MemoryReservation < leastMemory:
		return invalid("Minimum memory reservation allowed is 6MB")
	case r.Memory > 0 && r.Memory < r.MemoryReservation:
		return invalid("Minimum memory limit can not be less than memory reservation limit, see usage")
	case r.MemorySwappiness != nil && *r.MemorySwappiness != -1:
		return invalid("memory swappiness is not supported")
	case r.OomKillDisable != nil && *r.OomKillDisable:
		return invalid("disabling the OOM killer is not supported")
	default:
		return nil
	}
}

func validateCPUs(r *container.Resources) error {
	cpus := runtime.NumCPU()
	switch {
	case r.NanoCPUs > 0 && r.CPUPeriod > 0:
		return invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set")
	case r.NanoCPUs > 0 && r.CPUQuota > 0:
		return invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set")
	case r.NanoCPUs < 0 || r.NanoCPUs > int64(cpus)*1e9:
		return invalid("range of CPUs is from 0.01 to %d.00, as there are only %d CPUs available", cpus, cpus)
	case r.CPUShares < 0:
		return invalid("invalid CPU shares (%d): value must be a positive integer", r.CPUShares)
	case r.CPUPeriod != 0 && (r.CPUPeriod < 1000 || r.CPUPeriod > 1000000):
		return invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
	case r.CPUQuota > 0 && r.CPUQuota < 1000:
		return invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)")
	default:
		return validateSets(r)
	}
}

// unsupported names what we know of and do not do; nothing that a user asked
// for is ever left out in silence.
func unsupported(_ *container.Config, h *container.HostConfig) error {
	for _, option := range []struct {
		asked bool
		name  string
	}{
		{h.Init != nil && *h.Init, "an init process (--init)"},
		{len(h.Links) > 0, "linking containers (--link)"},
		{len(h.VolumesFrom) > 0, "volumes of other containers (--volumes-from)"},
		{h.VolumeDriver != "" && h.VolumeDriver != "local", "the volume driver " + h.VolumeDriver},
		{len(h.DeviceRequests) > 0, "device requests (--gpus)"},
		{h.BlkioWeight != 0 || len(h.BlkioWeightDevice) > 0, "block IO weights"},
		{len(h.BlkioDeviceReadBps)+len(h.BlkioDeviceWriteBps)+len(h.BlkioDeviceReadIOps)+len(h.BlkioDeviceWriteIOps) > 0, "block IO limits"},
		{h.CPURealtimePeriod != 0 || h.CPURealtimeRuntime != 0, "real-time CPU scheduling"},
		{h.CPUCount != 0 || h.CPUPercent != 0, "CPU counts of Windows"},
		{h.Cgroup != "", "joining the cgroup of a container"},
		{len(h.StorageOpt) > 0, "storage options (--storage-opt)"},
		{!h.Isolation.IsDefault(), "isolation " + string(h.Isolation)},
		{h.Umask != nil, "an initial umask"},
		{!slices.Contains([]string{"", "runc", "drydock"}, h.Runtime), "the runtime " + h.Runtime},
		{!h.UsernsMode.IsHost() && h.UsernsMode != "", "user namespace mode " + string(h.UsernsMode)},
	} {
		if option.asked {
			return invalid("%s is not supported", option.name)
		}
	}
	return nil
}
