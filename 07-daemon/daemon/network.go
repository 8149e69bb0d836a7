package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"drydock/01-namespaces/namespace"
	"drydock/06-networking/bridge"
)

// wantedNetworks are the networks that a container will join when it starts,
// by name.
func (d *Daemon) wantedNetworks(h *container.HostConfig, n *network.NetworkingConfig) (map[string]*network.EndpointSettings, error) {
	mode := string(h.NetworkMode)
	if h.NetworkMode.IsContainer() {
		return map[string]*network.EndpointSettings{}, nil
	}
	wanted := map[string]*network.EndpointSettings{mode: {}}
	if n != nil {
		for name, asked := range n.EndpointsConfig {
			if name == "default" {
				name = mode
			}
			if name != mode && !cabled(h) {
				return nil, invalid("conflicting options: a container of network %s cannot join %s", mode, name)
			}
			if asked != nil {
				wanted[name] = asked
			}
		}
	}
	if d.config.Networks == nil && !h.NetworkMode.IsHost() && !h.NetworkMode.IsNone() {
		return nil, invalid("network %s not found: this daemon has no networks but none and host", mode)
	}
	return wanted, nil
}

// cabled says whether the container gets a cable to a bridge.
func cabled(h *container.HostConfig) bool {
	return !h.NetworkMode.IsHost() && !h.NetworkMode.IsNone() && !h.NetworkMode.IsContainer()
}

// connect joins the networks of a container whose first process is pid.
func (d *Daemon) connect(r *record, pid int, ports []bridge.Port) ([]bridge.Lease, error) {
	if !cabled(r.HostConfig) {
		return nil, nil
	}
	var leases []bridge.Lease
	for i, name := range order(r) {
		e := endpoint(r, name)
		e.Name = "eth" + strconv.Itoa(i)
		if i == 0 {
			e.Ports = ports
		}
		lease, err := d.config.Networks.Connect(name, namespace.Path(pid, namespace.Net), e)
		if err != nil {
			d.disconnect(r, leases)
			return nil, networkError(r, err)
		}
		leases = append(leases, lease)
		d.tellNetwork(d.networkID(name), name, r.ID, "connect")
	}
	if err := d.introduce(r, pid, leases); err != nil {
		d.disconnect(r, leases)
		return nil, err
	}
	return leases, nil
}

// order is that of a container's networks: the first gives it eth0, the way
// out and the published ports.
func order(r *record) []string {
	first := string(r.HostConfig.NetworkMode)
	names := slices.Sorted(maps.Keys(r.Networks))
	if i := slices.Index(names, first); i > 0 {
		names = slices.Insert(slices.Delete(names, i, i+1), 0, first)
	}
	return names
}

// endpoint is what the container asked of a network.
func endpoint(r *record, name string) bridge.Endpoint {
	e := bridge.Endpoint{ID: r.ID}
	if asked := r.Networks[name]; asked != nil {
		if asked.IPAMConfig != nil {
			e.IP = asked.IPAMConfig.IPv4Address
		}
		e.MAC = net.HardwareAddr(asked.MacAddress).String()
	}
	return e
}

// disconnect forgets leases; what goes wrong is said in the log, since the
// container is gone either way. The names go before their address, which may
// be another container's in the next moment.
func (d *Daemon) disconnect(r *record, leases []bridge.Lease) {
	if len(leases) > 0 {
		d.resolver.Stop(r.ID)
	}
	for _, lease := range leases {
		d.resolver.Remove(lease.Network, lease.Address.Addr())
		if err := d.config.Networks.Disconnect(lease); err != nil {
			d.log.Warn("disconnect", "container", r.ID, "network", lease.Network, "error", err)
		}
		d.tellNetwork(d.networkID(lease.Network), lease.Network, r.ID, "disconnect")
	}
}

// networkError puts what the driver says into Docker's words.
func networkError(r *record, err error) error {
	var port *bridge.PortError
	switch {
	case errors.As(err, &port):
		return fmt.Errorf("failed to set up container networking: driver failed programming external connectivity on endpoint %s (%s): %w", r.Name, newID(), err)
	case errors.Is(err, fs.ErrNotExist) && !errors.As(err, new(*fs.PathError)):
		return notFound("%s", err)
	default:
		return fmt.Errorf("failed to set up container networking: %w", err)
	}
}

// networkID is the id of a network by name.
func (d *Daemon) networkID(name string) string {
	if d.config.Networks == nil {
		return ""
	}
	n, err := d.config.Networks.Find(name)
	if err != nil {
		return ""
	}
	return n.ID
}

// hold takes the host ports of a container; the files keep them.
func (d *Daemon) hold(r *record) ([]bridge.Port, []*os.File, error) {
	if !cabled(r.HostConfig) || d.config.Networks == nil {
		return nil, nil, nil
	}
	wanted, err := publications(r.Config, r.HostConfig)
	if err != nil {
		return nil, nil, err
	}
	var ports []bridge.Port
	var files []*os.File
	for _, p := range wanted {
		got, held, err := d.holdOne(p)
		if err != nil {
			closeAll(files)
			return nil, nil, networkError(r, err)
		}
		ports, files = append(ports, got...), append(files, held...)
	}
	return ports, files, nil
}

// holdOne tries the host ports of a range one after the other.
func (d *Daemon) holdOne(p publication) ([]bridge.Port, []*os.File, error) {
	for number := p.first; ; number++ {
		port := bridge.Port{HostIP: p.ip, HostPort: number, ContainerPort: p.inside, Protocol: p.protocol}
		got, held, err := d.config.Networks.Reserve([]bridge.Port{port})
		if err == nil || number >= p.last {
			return got, held, err
		}
	}
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// A publication is one port of a container and where it shall appear on the
// host: between first and last, or anywhere if both are 0.
type publication struct {
	ip          netip.Addr
	first, last uint16
	inside      uint16
	protocol    string
}

// publications are the ports to publish, in a fixed order.
func publications(c *container.Config, h *container.HostConfig) ([]publication, error) {
	var all []publication
	for port, bindings := range h.PortBindings {
		if len(bindings) == 0 {
			bindings = []network.PortBinding{{}}
		}
		for _, b := range bindings {
			p := publication{ip: b.HostIP, inside: port.Num(), protocol: string(port.Proto())}
			if b.HostPort != "" && b.HostPort != "0" {
				hostPorts, err := network.ParsePortRange(b.HostPort)
				if err != nil {
					return nil, invalid("invalid port specification: %q", b.HostPort)
				}
				p.first, p.last = hostPorts.Start(), hostPorts.End()
			}
			all = append(all, p)
		}
	}
	if h.PublishAllPorts {
		for port := range c.ExposedPorts {
			if _, ok := h.PortBindings[port]; !ok {
				all = append(all, publication{inside: port.Num(), protocol: string(port.Proto())})
			}
		}
	}
	slices.SortFunc(all, func(a, b publication) int { return int(a.inside) - int(b.inside) })
	return all, nil
}

// validatePorts tells of bad ports when the container is created.
func validatePorts(c *container.Config, h *container.HostConfig) error {
	all, err := publications(c, h)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.protocol != "tcp" && p.protocol != "udp" {
			return invalid("publishing a port of protocol %s is not supported", p.protocol)
		}
	}
	return nil
}
