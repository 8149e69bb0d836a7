package engine

import (
	"bufio"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/api/types/system"
	"golang.org/x/sys/unix"

	"drydock/02-cgroups/cgroup"
	"drydock/07-daemon/api"
)

// Version is the engine's own version.
const Version = "0.1.0"

// Version answers `docker version`.
func (e *Engine) Version() system.VersionResponse {
	kernel := kernelRelease()
	return system.VersionResponse{
		Platform:      system.PlatformInfo{Name: "Drydock Engine"},
		Version:       Version,
		APIVersion:    api.Current,
		MinAPIVersion: api.Oldest,
		Os:            runtime.GOOS,
		Arch:          runtime.GOARCH,
		GoVersion:     runtime.Version(),
		KernelVersion: kernel,
		Components: []system.ComponentVersion{{
			Name:    "Engine",
			Version: Version,
			Details: map[string]string{
				"ApiVersion":    api.Current,
				"MinAPIVersion": api.Oldest,
				"Arch":          runtime.GOARCH,
				"Os":            runtime.GOOS,
				"GoVersion":     runtime.Version(),
				"KernelVersion": kernel,
				"Experimental":  "false",
			},
		}},
	}
}

// Info answers `docker info`.
func (e *Engine) Info() (system.Info, error) {
	images, err := e.Images.List()
	if err != nil {
		return system.Info{}, err
	}
	counts := e.Containers.Counts()
	info := system.Info{
		ID:                 e.id,
		Containers:         counts.All,
		ContainersRunning:  counts.Running,
		ContainersPaused:   counts.Paused,
		ContainersStopped:  counts.Stopped,
		Images:             len(images),
		Driver:             "overlay2",
		DriverStatus:       [][2]string{{"Backing Filesystem", fileSystem(e.config.Root)}, {"Supports d_type", "true"}, {"Native Overlay Diff", "true"}},
		DockerRootDir:      e.config.Root,
		Debug:              e.config.Debug,
		LiveRestoreEnabled: e.config.LiveRestore,
		LoggingDriver:      "json-file",
		SystemTime:         time.Now().Format(time.RFC3339Nano),
		NGoroutines:        runtime.NumGoroutine(),
		NFd:                openFiles(),
		ServerVersion:      Version,
		DefaultRuntime:     "drydock",
		Runtimes:           map[string]system.RuntimeWithStatus{"drydock": {Runtime: system.Runtime{Path: "drydock-shim"}}},
		SecurityOptions:    []string{"name=seccomp,profile=builtin"},
		Swarm:              swarm.Info{LocalNodeState: swarm.LocalNodeStateInactive},
		IndexServerAddress: "https://index.docker.io/v1/",
		RegistryConfig:     e.registryConfig(),
		FirewallBackend:    &system.FirewallInfo{Driver: "nftables"},
		Plugins:            system.PluginsInfo{Volume: []string{"local"}, Network: []string{"bridge", "host", "null"}, Log: []string{"json-file", "none"}},
		Labels:             []string{},
		HTTPProxy:          os.Getenv("HTTP_PROXY"),
		HTTPSProxy:         os.Getenv("HTTPS_PROXY"),
		NoProxy:            os.Getenv("NO_PROXY"),
		Warnings:           e.warnings(),
	}
	machine(&info)
	controllers(&info)
	return info, nil
}

// machine fills in what the kernel and the distribution say of themselves.
func machine(info *system.Info) {
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		info.KernelVersion = unix.ByteSliceToString(uts.Release[:])
		info.Architecture = unix.ByteSliceToString(uts.Machine[:])
		info.Name = unix.ByteSliceToString(uts.Nodename[:])
	}
	var sys unix.Sysinfo_t
	if unix.Sysinfo(&sys) == nil {
		info.MemTotal = int64(sys.Totalram) * int64(sys.Unit)
	}
	info.OSType = runtime.GOOS
	info.NCPU = runtime.NumCPU()
	release := osRelease()
	info.OperatingSystem = release["PRETTY_NAME"]
	info.OSVersion = release["VERSION_ID"]
	forward, _ := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
	info.IPv4Forwarding = strings.TrimSpace(string(forward)) == "1"
}

// controllers fills in which limits this machine can enforce.
func controllers(info *system.Info) {
	tree, err := cgroup.Detect()
	if err != nil {
		info.Warnings = append(info.Warnings, "WARNING: "+err.Error())
		return
	}
	info.CgroupDriver = "cgroupfs"
	info.CgroupVersion = strconv.Itoa(tree.Version)
	can := tree.Features()
	info.MemoryLimit, info.SwapLimit = can.Memory, can.Swap
	info.CPUCfsPeriod, info.CPUCfsQuota, info.CPUShares = can.CPU, can.CPU, can.CPU
	info.CPUSet = can.CPUSet
	info.PidsLimit = can.PIDs
	info.OomKillDisable = tree.Version == 1
	for _, limit := range []struct {
		there bool
		name  string
	}{{info.MemoryLimit, "memory"}, {info.SwapLimit, "swap"}, {info.CPUShares, "cpu"}, {info.CPUSet, "cpuset"}, {info.PidsLimit, "pids"}} {
		if !limit.there {
			info.Warnings = append(info.Warnings, "WARNING: No "+limit.name+" limit support")
		}
	}
}

func (e *Engine) warnings() []string {
	if e.Networks == nil {
		return nil
	}
	return e.Networks.Warnings()
}

func (e *Engine) registryConfig() *registry.ServiceConfig {
	mirrors := append([]string{}, e.config.Mirrors...) // never null
	c := &registry.ServiceConfig{
		InsecureRegistryCIDRs: []netip.Prefix{netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("127.0.0.0/8")},
		IndexConfigs:          map[string]*registry.IndexInfo{"docker.io": {Name: "docker.io", Mirrors: mirrors, Secure: true, Official: true}},
		Mirrors:               mirrors,
	}
	for _, host := range e.config.Insecure {
		if prefix, err := netip.ParsePrefix(host); err == nil {
			c.InsecureRegistryCIDRs = append(c.InsecureRegistryCIDRs, prefix)
			continue
		}
		c.IndexConfigs[host] = &registry.IndexInfo{Name: host, Mirrors: []string{}}
	}
	return c
}

func kernelRelease() string {
	var uts unix.Utsname
	if unix.Uname(&uts) != nil {
		return ""
	}
	return unix.ByteSliceToString(uts.Release[:])
}

// osRelease reads os-release(5).
func osRelease() map[string]string {
	fields := map[string]string{"PRETTY_NAME": "Linux"}
	f, err := os.Open("/etc/os-release")
	if err != nil {
		return fields
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok {
			fields[name] = strings.Trim(value, `"'`)
		}
	}
	return fields
}

// fileSystem names the file system at path, as statfs(2) tells it.
func fileSystem(path string) string {
	var st unix.Statfs_t
	if unix.Statfs(path, &st) != nil {
		return "unknown"
	}
	switch int64(st.Type) {
	case unix.EXT4_SUPER_MAGIC:
		return "extfs"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	}
	return "0x" + strconv.FormatInt(int64(st.Type), 16)
}

func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}
