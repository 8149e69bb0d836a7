package cli

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/spf13/pflag"
)

// createOptions are the flags that run and create share.
type createOptions struct {
	name, platform, pull string
	cidfile              string

	attach                              []string
	interactive, tty, init              bool
	env, envFile, label                 []string
	workdir, user, hostname, domainname string
	entrypoint, stopSignal, shmSize     string
	stopTimeout                         int
	expose, publish                     []string
	publishAll                          bool

	volumes, tmpfs, mounts []string
	readOnly, privileged   bool
	capAdd, capDrop        []string
	securityOpt, groupAdd  []string
	devices, ulimits       []string
	sysctls, dns           []string
	dnsSearch, dnsOption   []string
	addHost, logOpts       []string

	network, ip, mac             string
	networkAlias                 []string
	ipc, pid, uts, cgroupParent  string
	memory, memorySwap, reserve  string
	cpus, cpusetCPUs, cpusetMems string
	cpuShares, cpuPeriod         int64
	cpuQuota, pidsLimit          int64
	oomScoreAdj                  int
	restart, logDriver           string
	autoRemove                   bool
}

// register declares the flags on f.
func (o *createOptions) register(f *pflag.FlagSet) {
	f.SetInterspersed(false) // flags behind the image belong to the program
	o.processFlags(f)
	o.isolationFlags(f)
	o.resourceFlags(f)
	o.networkFlags(f)
}

func (o *createOptions) processFlags(f *pflag.FlagSet) {
	f.StringVar(&o.name, "name", "", "Assign a name to the container")
	f.StringVar(&o.platform, "platform", "", "Set platform if server is multi-platform capable")
	f.StringVar(&o.pull, "pull", "missing", `Pull image before running ("always", "missing", "never")`)
	f.StringVar(&o.cidfile, "cidfile", "", "Write the container ID to the file")
	f.StringArrayVarP(&o.attach, "attach", "a", nil, "Attach to STDIN, STDOUT or STDERR")
	f.BoolVarP(&o.interactive, "interactive", "i", false, "Keep STDIN open even if not attached")
	f.BoolVarP(&o.tty, "tty", "t", false, "Allocate a pseudo-TTY")
	f.BoolVar(&o.init, "init", false, "Run an init inside the container that forwards signals and reaps processes")
	f.StringArrayVarP(&o.env, "env", "e", nil, "Set environment variables")
	f.StringArrayVar(&o.envFile, "env-file", nil, "Read in a file of environment variables")
	f.StringArrayVarP(&o.label, "label", "l", nil, "Set meta data on a container")
	f.StringVarP(&o.workdir, "workdir", "w", "", "Working directory inside the container")
	f.StringVarP(&o.user, "user", "u", "", "Username or UID (format: <name|uid>[:<group|gid>])")
	f.StringVar(&o.entrypoint, "entrypoint", "", "Overwrite the default ENTRYPOINT of the image")
	f.StringVar(&o.stopSignal, "stop-signal", "", "Signal to stop the container")
	f.IntVar(&o.stopTimeout, "stop-timeout", 0, "Timeout (in seconds) to stop a container")
	f.StringVar(&o.restart, "restart", "no", "Restart policy to apply when a container exits")
	f.BoolVar(&o.autoRemove, "rm", false, "Automatically remove the container when it exits")
	f.StringVar(&o.logDriver, "log-driver", "", "Logging driver for the container")
	f.StringArrayVar(&o.logOpts, "log-opt", nil, "Log driver options")
}

func (o *createOptions) isolationFlags(f *pflag.FlagSet) {
	f.StringVarP(&o.hostname, "hostname", "h", "", "Container host name")
	f.StringVar(&o.domainname, "domainname", "", "Container NIS domain name")
	f.StringArrayVarP(&o.volumes, "volume", "v", nil, "Bind mount a volume")
	f.StringArrayVar(&o.tmpfs, "tmpfs", nil, "Mount a tmpfs directory")
	f.StringArrayVar(&o.mounts, "mount", nil, "Attach a filesystem mount to the container")
	f.BoolVar(&o.readOnly, "read-only", false, "Mount the container's root filesystem as read only")
	f.BoolVar(&o.privileged, "privileged", false, "Give extended privileges to this container")
	f.StringArrayVar(&o.capAdd, "cap-add", nil, "Add Linux capabilities")
	f.StringArrayVar(&o.capDrop, "cap-drop", nil, "Drop Linux capabilities")
	f.StringArrayVar(&o.securityOpt, "security-opt", nil, "Security Options")
	f.StringArrayVar(&o.groupAdd, "group-add", nil, "Add additional groups to join")
	f.StringArrayVar(&o.devices, "device", nil, "Add a host device to the container")
	f.StringArrayVar(&o.sysctls, "sysctl", nil, "Sysctl options")
	f.StringVar(&o.ipc, "ipc", "", "IPC mode to use")
	f.StringVar(&o.pid, "pid", "", "PID namespace to use")
	f.StringVar(&o.uts, "uts", "", "UTS namespace to use")
	f.StringVar(&o.shmSize, "shm-size", "", "Size of /dev/shm")
}

func (o *createOptions) resourceFlags(f *pflag.FlagSet) {
	f.StringVarP(&o.memory, "memory", "m", "", "Memory limit")
	f.StringVar(&o.memorySwap, "memory-swap", "", "Swap limit equal to memory plus swap: '-1' to enable unlimited swap")
	f.StringVar(&o.reserve, "memory-reservation", "", "Memory soft limit")
	f.StringVar(&o.cpus, "cpus", "", "Number of CPUs")
	f.Int64VarP(&o.cpuShares, "cpu-shares", "c", 0, "CPU shares (relative weight)")
	f.Int64Var(&o.cpuPeriod, "cpu-period", 0, "Limit CPU CFS (Completely Fair Scheduler) period")
	f.Int64Var(&o.cpuQuota, "cpu-quota", 0, "Limit CPU CFS (Completely Fair Scheduler) quota")
	f.StringVar(&o.cpusetCPUs, "cpuset-cpus", "", "CPUs in which to allow execution (0-3, 0,1)")
	f.StringVar(&o.cpusetMems, "cpuset-mems", "", "MEMs in which to allow execution (0-3, 0,1)")
	f.Int64Var(&o.pidsLimit, "pids-limit", 0, "Tune container pids limit (set -1 for unlimited)")
	f.IntVar(&o.oomScoreAdj, "oom-score-adj", 0, "Tune host's OOM preferences (-1000 to 1000)")
	f.StringArrayVar(&o.ulimits, "ulimit", nil, "Ulimit options")
	f.StringVar(&o.cgroupParent, "cgroup-parent", "", "Optional parent cgroup for the container")
}

func (o *createOptions) networkFlags(f *pflag.FlagSet) {
	f.StringVar(&o.network, "network", "", "Connect a container to a network")
	f.StringVar(&o.network, "net", "", "Connect a container to a network")
	f.Lookup("net").Hidden = true
	f.StringVar(&o.ip, "ip", "", "IPv4 address (e.g., 172.30.100.104)")
	f.StringVar(&o.mac, "mac-address", "", "Container MAC address (e.g., 92:d0:c6:0a:29:33)")
	f.StringArrayVar(&o.networkAlias, "network-alias", nil, "Add network-scoped alias for the container")
	f.StringArrayVarP(&o.publish, "publish", "p", nil, "Publish a container's port(s) to the host")
	f.BoolVarP(&o.publishAll, "publish-all", "P", false, "Publish all exposed ports to random ports")
	f.StringArrayVar(&o.expose, "expose", nil, "Expose a port or a range of ports")
	f.StringArrayVar(&o.dns, "dns", nil, "Set custom DNS servers")
	f.StringArrayVar(&o.dnsSearch, "dns-search", nil, "Set custom DNS search domains")
	f.StringArrayVar(&o.dnsOption, "dns-option", nil, "Set DNS options")
	f.StringArrayVar(&o.addHost, "add-host", nil, "Add a custom host-to-IP mapping (host:ip)")
}

// request turns the flags, the image and its arguments into what the API
// wants.
func (o *createOptions) request(flags *pflag.FlagSet, args []string) (container.CreateRequest, error) {
	config, err := o.config(flags, args)
	if err != nil {
		return container.CreateRequest{}, err
	}
	host, err := o.hostConfig(flags)
	if err != nil {
		return container.CreateRequest{}, err
	}
	exposed, bindings, err := ports(o.publish, o.expose)
	if err != nil {
		return container.CreateRequest{}, err
	}
	config.ExposedPorts, host.PortBindings = exposed, bindings
	networking, err := o.networking()
	return container.CreateRequest{Config: config, HostConfig: host, NetworkingConfig: networking}, err
}

// config is the half that belongs to the container.
func (o *createOptions) config(flags *pflag.FlagSet, args []string) (*container.Config, error) {
	env, err := environment(o.envFile, o.env)
	if err != nil {
		return nil, err
	}
	c := &container.Config{
		Hostname:   o.hostname,
		Domainname: o.domainname,
		User:       o.user,
		Tty:        o.tty,
		OpenStdin:  o.interactive,
		Env:        env,
		Image:      args[0],
		Cmd:        args[1:],
		WorkingDir: o.workdir,
		Labels:     pairs(o.label),
		StopSignal: o.stopSignal,
		Volumes:    map[string]struct{}{},
	}
	if flags.Changed("entrypoint") {
		c.Entrypoint = []string{o.entrypoint} // [""] clears the image's
	}
	if flags.Changed("stop-timeout") {
		c.StopTimeout = &o.stopTimeout
	}
	for _, v := range o.volumes {
		if !strings.Contains(v, ":") {
			c.Volumes[v] = struct{}{} // an anonymous one
		}
	}
	return c, nil
}

// hostConfig is the half that belongs to the machine.
func (o *createOptions) hostConfig(flags *pflag.FlagSet) (*container.HostConfig, error) {
	resources, err := o.resources(flags)
	if err != nil {
		return nil, err
	}
	h := &container.HostConfig{
		AutoRemove:      o.autoRemove,
		NetworkMode:     container.NetworkMode(orDefault(o.network, "default")),
		ReadonlyRootfs:  o.readOnly,
		Privileged:      o.privileged,
		CapAdd:          o.capAdd,
		CapDrop:         o.capDrop,
		SecurityOpt:     o.securityOpt,
		GroupAdd:        o.groupAdd,
		IpcMode:         container.IpcMode(o.ipc),
		PidMode:         container.PidMode(o.pid),
		UTSMode:         container.UTSMode(o.uts),
		Sysctls:         pairs(o.sysctls),
		ExtraHosts:      o.addHost,
		DNSSearch:       o.dnsSearch,
		DNSOptions:      o.dnsOption,
		PublishAllPorts: o.publishAll,
		OomScoreAdj:     o.oomScoreAdj,
		LogConfig:       container.LogConfig{Type: o.logDriver, Config: pairs(o.logOpts)},
		Resources:       resources,
		Tmpfs:           tmpfs(o.tmpfs),
	}
	if flags.Changed("init") {
		h.Init = &o.init
	}
	for _, v := range o.volumes {
		if strings.Contains(v, ":") {
			h.Binds = append(h.Binds, bind(v))
		}
	}
	for _, step := range []func(*container.HostConfig) error{o.setMounts, o.setRestart, o.setShm, o.setDNS} {
		if err := step(h); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func (o *createOptions) setShm(h *container.HostConfig) (err error) {
	h.ShmSize, err = bytesOf("--shm-size", o.shmSize)
	return err
}

func (o *createOptions) setDNS(h *container.HostConfig) error {
	for _, text := range o.dns {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return invalid(text, "--dns", "ip address is not correctly formatted: "+text)
		}
		h.DNS = append(h.DNS, ip)
	}
	return nil
}

func (o *createOptions) setRestart(h *container.HostConfig) error {
	name, count, has := strings.Cut(o.restart, ":")
	h.RestartPolicy.Name = container.RestartPolicyMode(name)
	if !has {
		return nil
	}
	if _, err := fmt.Sscanf(count, "%d", &h.RestartPolicy.MaximumRetryCount); err != nil {
		return &statusError{125, fmt.Errorf("invalid restart policy format: maximum retry count must be an integer")}
	}
	return nil
}

// resources are the limits.
func (o *createOptions) resources(flags *pflag.FlagSet) (r container.Resources, err error) {
	r = container.Resources{
		CPUShares:    o.cpuShares,
		CPUPeriod:    o.cpuPeriod,
		CPUQuota:     o.cpuQuota,
		CpusetCpus:   o.cpusetCPUs,
		CpusetMems:   o.cpusetMems,
		CgroupParent: o.cgroupParent,
	}
	if r.Memory, err = bytesOf("-m, --memory", o.memory); err != nil {
		return r, err
	}
	if r.MemoryReservation, err = bytesOf("--memory-reservation", o.reserve); err != nil {
		return r, err
	}
	if o.memorySwap == "-1" {
		r.MemorySwap = -1
	} else if r.MemorySwap, err = bytesOf("--memory-swap", o.memorySwap); err != nil {
		return r, err
	}
	if r.NanoCPUs, err = nanoCPUs(o.cpus); err != nil {
		return r, err
	}
	if flags.Changed("pids-limit") {
		r.PidsLimit = &o.pidsLimit
	}
	if r.Devices, err = deviceMappings(o.devices); err != nil {
		return r, err
	}
	for _, text := range o.ulimits {
		limit, err := units.ParseUlimit(text)
		if err != nil {
			return r, invalid(text, "--ulimit", err.Error())
		}
		r.Ulimits = append(r.Ulimits, limit)
	}
	return r, nil
}

// networking is what is asked of the one network named.
func (o *createOptions) networking() (*network.NetworkingConfig, error) {
	if o.ip == "" && o.mac == "" && len(o.networkAlias) == 0 {
		return nil, nil
	}
	endpoint := &network.EndpointSettings{Aliases: o.networkAlias}
	if o.ip != "" {
		ip, err := netip.ParseAddr(o.ip)
		if err != nil {
			return nil, invalid(o.ip, "--ip", "invalid IPv4 address: "+o.ip)
		}
		endpoint.IPAMConfig = &network.EndpointIPAMConfig{IPv4Address: ip}
	}
	if o.mac != "" {
		if err := endpoint.MacAddress.UnmarshalText([]byte(o.mac)); err != nil {
			return nil, &statusError{125, fmt.Errorf("%s is not a valid mac address", o.mac)}
		}
	}
	return &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{orDefault(o.network, "default"): endpoint}}, nil
}

func orDefault(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
