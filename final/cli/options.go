package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/spf13/pflag"
)

// createOptions are the flags that run and create share. Most of them write
// straight into what the API will be asked for; the rest wait here until all
// flags are read.
type createOptions struct {
	config container.Config
	host   container.HostConfig
	health container.HealthConfig

	name, platform, pull, cidfile     string
	quiet                             bool
	attach                            []string
	env, envFiles, labels, labelFiles []string
	entrypoint, restart               string
	noHealth                          bool
	publish, expose                   []string
	volumes, tmpfs, devices           []string
	sysctls, logOptions, storage      []string
	annotations                       []string
	securityOptions                   []string
	networks                          []attachment
	alone                             attachment // what --ip and its like say of the one network
}

// register declares the flags on f.
func (o *createOptions) register(f *pflag.FlagSet) {
	f.SetInterspersed(false) // flags behind the image belong to the program
	o.commandFlags(f)
	o.processFlags(f)
	o.lifeFlags(f)
	o.fileFlags(f)
	o.isolationFlags(f)
	o.resourceFlags(f)
	o.networkFlags(f)
}

// commandFlags are about the command itself: nothing of them is kept.
func (o *createOptions) commandFlags(f *pflag.FlagSet) {
	f.StringVar(&o.name, "name", "", "Assign a name to the container")
	f.StringVar(&o.platform, "platform", "", "Set platform if server is multi-platform capable")
	f.StringVar(&o.pull, "pull", "missing", `Pull image before running ("always", "missing", "never")`)
	f.BoolVarP(&o.quiet, "quiet", "q", false, "Suppress the pull output")
	f.StringVar(&o.cidfile, "cidfile", "", "Write the container ID to the file")
	f.VarP(many("list", &o.attach, streamName), "attach", "a", "Attach to STDIN, STDOUT or STDERR")
	f.Bool("disable-content-trust", true, "Skip image verification")
	f.Lookup("disable-content-trust").Hidden = true
}

func (o *createOptions) processFlags(f *pflag.FlagSet) {
	c, h := &o.config, &o.host
	f.BoolVarP(&c.OpenStdin, "interactive", "i", false, "Keep STDIN open even if not attached")
	f.BoolVarP(&c.Tty, "tty", "t", false, "Allocate a pseudo-TTY")
	f.VarP(many("list", &o.env, variable), "env", "e", "Set environment variables")
	f.Var(list(&o.envFiles), "env-file", "Read in a file of environment variables")
	f.StringVarP(&c.WorkingDir, "workdir", "w", "", "Working directory inside the container")
	f.StringVarP(&c.User, "user", "u", "", "Username or UID (format: <name|uid>[:<group|gid>])")
	f.Var(list(&h.GroupAdd), "group-add", "Add additional groups to join")
	f.StringVar(&o.entrypoint, "entrypoint", "", "Overwrite the default ENTRYPOINT of the image")
	f.Var(many("ulimit", &h.Ulimits, units.ParseUlimit), "ulimit", "Ulimit options")
	f.IntVar(&h.OomScoreAdj, "oom-score-adj", 0, "Tune host's OOM preferences (-1000 to 1000)")
	boolean(f, &h.Init, "init", "Run an init inside the container that forwards signals and reaps processes")
}

func (o *createOptions) lifeFlags(f *pflag.FlagSet) {
	c, h := &o.config, &o.host
	f.VarP(list(&o.labels), "label", "l", "Set meta data on a container")
	f.Var(list(&o.labelFiles), "label-file", "Read in a line delimited file of labels")
	f.Var(list(&o.annotations), "annotation", "Add an annotation to the container (passed through to the OCI runtime)")
	f.StringVar(&c.StopSignal, "stop-signal", "", "Signal to stop the container")
	f.Var(maybe("int", &c.StopTimeout, integer), "stop-timeout", "Timeout (in seconds) to stop a container")
	f.StringVar(&o.restart, "restart", "no", "Restart policy to apply when a container exits")
	f.BoolVar(&h.AutoRemove, "rm", false, "Automatically remove the container and its associated anonymous volumes when it exits")
	f.StringVar(&h.LogConfig.Type, "log-driver", "", "Logging driver for the container")
	f.Var(list(&o.logOptions), "log-opt", "Log driver options")
	f.Var(one("string", &o.health.Test, shellTest), "health-cmd", "Command to run to check health")
	f.Var(one("duration", &o.health.Interval, healthTime), "health-interval", "Time between running the check (ms|s|m|h) (default 0s)")
	f.Var(one("duration", &o.health.Timeout, healthTime), "health-timeout", "Maximum time to allow one check to run (ms|s|m|h) (default 0s)")
	f.Var(one("duration", &o.health.StartPeriod, healthTime), "health-start-period", "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h) (default 0s)")
	f.Var(one("duration", &o.health.StartInterval, healthTime), "health-start-interval", "Time between running the check during the start period (ms|s|m|h) (default 0s)")
	f.IntVar(&o.health.Retries, "health-retries", 0, "Consecutive failures needed to report unhealthy")
	f.BoolVar(&o.noHealth, "no-healthcheck", false, "Disable any container-specified HEALTHCHECK")
}

func (o *createOptions) fileFlags(f *pflag.FlagSet) {
	h := &o.host
	f.VarP(list(&o.volumes), "volume", "v", "Bind mount a volume")
	f.StringVar(&h.VolumeDriver, "volume-driver", "", "Optional volume driver for the container")
	f.Var(list(&h.VolumesFrom), "volumes-from", "Mount volumes from the specified container(s)")
	f.Var(list(&o.tmpfs), "tmpfs", "Mount a tmpfs directory")
	f.Var(many("mount", &h.Mounts, mountOf), "mount", "Attach a filesystem mount to the container")
	f.BoolVar(&h.ReadonlyRootfs, "read-only", false, "Mount the container's root filesystem as read only")
	f.Var(list(&o.storage), "storage-opt", "Storage driver options for the container")
	f.Var(one("bytes", &h.ShmSize, units.RAMInBytes), "shm-size", "Size of /dev/shm")
	f.Var(list(&o.devices), "device", "Add a host device to the container")
	f.Var(list(&h.DeviceCgroupRules), "device-cgroup-rule", "Add a rule to the cgroup allowed devices list")
}

func (o *createOptions) isolationFlags(f *pflag.FlagSet) {
	c, h := &o.config, &o.host
	f.StringVarP(&c.Hostname, "hostname", "h", "", "Container host name")
	f.StringVar(&c.Domainname, "domainname", "", "Container NIS domain name")
	f.BoolVar(&h.Privileged, "privileged", false, "Give extended privileges to this container")
	f.Var(list(&h.CapAdd), "cap-add", "Add Linux capabilities")
	f.Var(list(&h.CapDrop), "cap-drop", "Drop Linux capabilities")
	f.Var(list(&o.securityOptions), "security-opt", "Security Options")
	f.Var(many("list", &o.sysctls, sysctl), "sysctl", "Sysctl options")
	f.Var(text(&h.IpcMode), "ipc", "IPC mode to use")
	f.Var(text(&h.PidMode), "pid", "PID namespace to use")
	f.Var(text(&h.UTSMode), "uts", "UTS namespace to use")
	f.Var(text(&h.UsernsMode), "userns", "User namespace to use")
	f.Var(text(&h.CgroupnsMode), "cgroupns", "Cgroup namespace to use (host|private)")
	f.StringVar(&h.Runtime, "runtime", "", "Runtime to use for this container")
}

func (o *createOptions) resourceFlags(f *pflag.FlagSet) {
	h := &o.host
	f.VarP(one("bytes", &h.Memory, units.RAMInBytes), "memory", "m", "Memory limit")
	f.Var(one("bytes", &h.MemorySwap, swap), "memory-swap", "Swap limit equal to memory plus swap: '-1' to enable unlimited swap")
	f.Var(one("bytes", &h.MemoryReservation, units.RAMInBytes), "memory-reservation", "Memory soft limit")
	f.Var(maybe("int", &h.MemorySwappiness, integer64), "memory-swappiness", "Tune container memory swappiness (0 to 100) (default -1)")
	boolean(f, &h.OomKillDisable, "oom-kill-disable", "Disable OOM Killer")
	f.Var(one("decimal", &h.NanoCPUs, nanoCPUs), "cpus", "Number of CPUs")
	f.Int64VarP(&h.CPUShares, "cpu-shares", "c", 0, "CPU shares (relative weight)")
	f.Int64Var(&h.CPUPeriod, "cpu-period", 0, "Limit CPU CFS (Completely Fair Scheduler) period")
	f.Int64Var(&h.CPUQuota, "cpu-quota", 0, "Limit CPU CFS (Completely Fair Scheduler) quota")
	f.StringVar(&h.CpusetCpus, "cpuset-cpus", "", "CPUs in which to allow execution (0-3, 0,1)")
	f.StringVar(&h.CpusetMems, "cpuset-mems", "", "MEMs in which to allow execution (0-3, 0,1)")
	f.Var(maybe("int", &h.PidsLimit, integer64), "pids-limit", "Tune container pids limit (set -1 for unlimited)")
	f.StringVar(&h.CgroupParent, "cgroup-parent", "", "Optional parent cgroup for the container")
}

func (o *createOptions) networkFlags(f *pflag.FlagSet) {
	h := &o.host
	f.Var(many("network", &o.networks, networkOf), "network", "Connect a container to a network")
	f.StringVar(&o.alone.ip, "ip", "", "IPv4 address (e.g., 172.30.100.104)")
	f.StringVar(&o.alone.ip6, "ip6", "", "IPv6 address (e.g., 2001:db8::33)")
	f.StringVar(&o.alone.mac, "mac-address", "", "Container MAC address (e.g., 92:d0:c6:0a:29:33)")
	f.Var(list(&o.alone.aliases), "network-alias", "Add network-scoped alias for the container")
	f.Var(list(&h.Links), "link", "Add link to another container")
	f.VarP(list(&o.publish), "publish", "p", "Publish a container's port(s) to the host")
	f.BoolVarP(&h.PublishAllPorts, "publish-all", "P", false, "Publish all exposed ports to random ports")
	f.Var(list(&o.expose), "expose", "Expose a port or a range of ports")
	f.Var(many("list", &h.DNS, address), "dns", "Set custom DNS servers")
	f.Var(list(&h.DNSSearch), "dns-search", "Set custom DNS search domains")
	f.Var(list(&h.DNSOptions), "dns-option", "Set DNS options")
	f.Var(many("list", &h.ExtraHosts, extraHost), "add-host", "Add a custom host-to-IP mapping (host:ip)")
	alias(f, "network", "net")
	alias(f, "network-alias", "net-alias")
	alias(f, "dns-option", "dns-opt")
}

// request turns the flags, the image and its arguments into what the API
// wants.
func (o *createOptions) request(flags *pflag.FlagSet, args []string) (container.CreateRequest, error) {
	o.config.Image, o.config.Cmd = args[0], args[1:]
	if flags.Changed("entrypoint") {
		o.config.Entrypoint = []string{o.entrypoint} // [""] clears the image's
	}
	o.setPairs()
	o.host.CapAdd, o.host.CapDrop = capabilities(o.host.CapAdd), capabilities(o.host.CapDrop)
	o.host.ContainerIDFile = o.cidfile
	for _, step := range []func() error{
		func() error { return lowercase(args[0]) }, o.checkPull, o.setEnv, o.setLabels, o.setSecurity, o.setRestart, o.setHealth, o.setVolumes, o.setDevices, o.setPorts,
	} {
		if err := step(); err != nil {
			return container.CreateRequest{}, err
		}
	}
	networking, err := o.networking()
	return container.CreateRequest{Config: &o.config, HostConfig: &o.host, NetworkingConfig: networking}, err
}

func (o *createOptions) checkPull() error {
	switch o.pull {
	case "always", "missing", "never", "":
		return nil
	}
	return fmt.Errorf("invalid pull option: '%s': must be one of %q, %q or %q", o.pull, "always", "missing", "never")
}

// setPairs fills in what is written as "key=value" and needs no check here.
func (o *createOptions) setPairs() {
	o.host.Sysctls = pairs(o.sysctls)
	o.host.StorageOpt = pairs(o.storage)
	o.host.Annotations = pairs(o.annotations)
	o.host.LogConfig.Config = pairs(o.logOptions)
	if len(o.tmpfs) > 0 {
		o.host.Tmpfs = map[string]string{}
	}
	for _, text := range o.tmpfs {
		target, options, _ := strings.Cut(text, ":")
		o.host.Tmpfs[target] = options
	}
}

func (o *createOptions) setEnv() (err error) {
	o.config.Env, err = lines(o.envFiles, o.env, here)
	return err
}

func (o *createOptions) setLabels() error {
	all, err := lines(o.labelFiles, o.labels, bare)
	o.config.Labels = pairs(all)
	return err
}

func (o *createOptions) setSecurity() (err error) {
	o.host.SecurityOpt, err = securityOptions(o.securityOptions)
	return err
}

func (o *createOptions) setRestart() error {
	name, count, limited := strings.Cut(o.restart, ":")
	if o.host.AutoRemove && name != "no" && name != "" {
		return errors.New("conflicting options: cannot specify both --restart and --rm")
	}
	o.host.RestartPolicy.Name = container.RestartPolicyMode(name)
	if !limited {
		return nil
	}
	retries, err := strconv.Atoi(count)
	if err != nil {
		return errors.New("invalid restart policy format: maximum retry count must be an integer")
	}
	o.host.RestartPolicy.MaximumRetryCount = retries
	return nil
}

// setHealth asks for a check when one of its flags was given.
func (o *createOptions) setHealth() error {
	h := &o.health
	asked := len(h.Test) > 0 || h.Interval != 0 || h.Timeout != 0 || h.StartPeriod != 0 || h.StartInterval != 0 || h.Retries != 0
	switch {
	case o.noHealth && asked:
		return errors.New("--no-healthcheck conflicts with --health-* options")
	case o.noHealth:
		o.config.Healthcheck = &container.HealthConfig{Test: []string{"NONE"}}
	case h.Retries < 0:
		return errors.New("--health-retries cannot be negative")
	case asked:
		o.config.Healthcheck = h
	}
	return nil
}

// shellTest is a check that the container's shell runs.
func shellTest(command string) ([]string, error) { return []string{"CMD-SHELL", command}, nil }

// healthTime is a time that a health check can have.
func healthTime(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err == nil && d < 0 {
		err = errors.New("a health check cannot take less than no time")
	}
	return d, err
}

// setVolumes tells mounts that have a source from anonymous volumes.
func (o *createOptions) setVolumes() error {
	o.config.Volumes = map[string]struct{}{}
	for _, v := range o.volumes {
		if strings.Contains(v, ":") {
			o.host.Binds = append(o.host.Binds, bind(v))
		} else {
			o.config.Volumes[v] = struct{}{}
		}
	}
	return nil
}

func (o *createOptions) setDevices() error {
	for _, text := range o.devices {
		m, err := deviceMapping(text)
		if err != nil {
			return err
		}
		o.host.Devices = append(o.host.Devices, m)
	}
	return nil
}

func (o *createOptions) setPorts() (err error) {
	o.config.ExposedPorts, o.host.PortBindings, err = ports(o.publish, o.expose)
	return err
}

// networking is what is asked of each network; the first one gives the
// container its mode.
func (o *createOptions) networking() (*network.NetworkingConfig, error) {
	if len(o.networks) == 0 {
		o.networks = []attachment{{name: "default"}}
	}
	first := &o.networks[0]
	first.ip, first.ip6 = orDefault(first.ip, o.alone.ip), orDefault(first.ip6, o.alone.ip6)
	first.mac = orDefault(first.mac, o.alone.mac)
	first.aliases = append(first.aliases, o.alone.aliases...)
	o.host.NetworkMode = container.NetworkMode(first.name)
	endpoints := map[string]*network.EndpointSettings{}
	for _, a := range o.networks {
		if endpoints[a.name] != nil {
			return nil, fmt.Errorf("network %q is specified multiple times", a.name)
		}
		endpoint, err := a.endpoint()
		if err != nil {
			return nil, err
		}
		endpoints[a.name] = endpoint
	}
	return &network.NetworkingConfig{EndpointsConfig: endpoints}, nil
}

func orDefault(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
