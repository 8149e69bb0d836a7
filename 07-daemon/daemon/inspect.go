package daemon

import (
	"net"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/storage"

	"drydock/01-namespaces/namespace"
	"drydock/07-daemon/lifecycle"
)

// driverName is what inspect calls the way in which trees are kept: clients
// know Docker's word for it.
const driverName = "overlay2"

// Inspect tells everything about a container.
func (d *Daemon) Inspect(ref string, size bool) (container.InspectResponse, error) {
	b, err := d.open(ref)
	if err != nil {
		return container.InspectResponse{}, err
	}
	defer b.mu.Unlock()
	r := b.record
	h := *r.HostConfig
	c := *r.Config
	response := container.InspectResponse{
		ID: r.ID, Created: stamp(r.Created), Path: r.Path, Args: append([]string{}, r.Args...),
		State: inspectState(&r.State), Image: r.Image, Name: "/" + r.Name, RestartCount: r.State.RestartCount,
		ResolvConfPath: r.ResolvConfPath, HostnamePath: r.HostnamePath, HostsPath: r.HostsPath, LogPath: r.LogPath,
		Driver: driverName, Platform: r.Platform, ExecIDs: d.execIDs(b),
		HostConfig: &h, Config: &c, Mounts: visible(r), NetworkSettings: d.networkSettings(r),
		GraphDriver: d.graphDriver(r.ID),
	}
	if size {
		own, all := d.sizes(r.ID)
		response.SizeRw, response.SizeRootFs = &own, &all
	}
	return response, nil
}

// stamp writes a time as Docker does; the zero time is year one.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func inspectState(s *state) *container.State {
	return &container.State{
		Status:     container.ContainerState(s.Status),
		Running:    s.Status.Alive() || s.Status == lifecycle.Restarting,
		Paused:     s.Status == lifecycle.Paused,
		Restarting: s.Status == lifecycle.Restarting,
		Dead:       s.Status == lifecycle.Dead,
		OOMKilled:  s.OOMKilled, Pid: s.Pid, ExitCode: s.ExitCode, Error: s.Error,
		StartedAt: stamp(s.StartedAt), FinishedAt: stamp(s.FinishedAt),
	}
}

// visible are the mounts that inspect lists: tmpfs of --tmpfs are shown in
// HostConfig only.
func visible(r *record) []container.MountPoint {
	points := []container.MountPoint{}
	for _, p := range r.Mounts {
		if _, ok := r.HostConfig.Tmpfs[p.Destination]; !ok {
			points = append(points, p)
		}
	}
	return points
}

// networkSettings tell what the container asked of networks and got.
func (d *Daemon) networkSettings(r *record) *container.NetworkSettings {
	settings := &container.NetworkSettings{Ports: ports(r), Networks: map[string]*network.EndpointSettings{}}
	for name, asked := range r.Networks {
		e := asked.Copy()
		if e == nil {
			e = &network.EndpointSettings{}
		}
		e.NetworkID = d.networkID(name)
		if name != "bridge" && cabled(r.HostConfig) {
			e.DNSNames = dnsNames(r, name)
		}
		settings.Networks[name] = e
	}
	for _, lease := range r.State.Leases {
		e := settings.Networks[lease.Network]
		if e == nil {
			continue
		}
		settings.SandboxID, settings.SandboxKey = lease.ID, namespace.Path(r.State.Pid, namespace.Net)
		e.EndpointID, e.Gateway = lease.ID, lease.Gateway
		e.IPAddress, e.IPPrefixLen = lease.Address.Addr(), lease.Address.Bits()
		if mac, err := net.ParseMAC(lease.MAC); err == nil {
			e.MacAddress = network.HardwareAddr(mac)
		}
	}
	return settings
}

// ports are the exposed ports, and where they are published while the
// container runs.
func ports(r *record) network.PortMap {
	all := network.PortMap{}
	if !r.State.Status.Alive() {
		return all
	}
	for port := range r.Config.ExposedPorts {
		all[port] = nil
	}
	for _, lease := range r.State.Leases {
		for _, p := range lease.Ports {
			port, ok := network.PortFrom(p.ContainerPort, network.IPProtocol(p.Protocol))
			if !ok {
				continue
			}
			all[port] = append(all[port], network.PortBinding{HostIP: hostIP(p.HostIP), HostPort: decimal(p.HostPort)})
		}
	}
	return all
}

func (d *Daemon) graphDriver(id string) *storage.DriverData {
	data := &storage.DriverData{Name: driverName, Data: map[string]string{"ID": id}}
	if upper, err := d.config.Snapshots.Upper(id); err == nil {
		data.Data["UpperDir"] = upper
	}
	return data
}

// A sizer is a store of snapshots that knows what they take on disk.
type sizer interface {
	Usage(name string) (int64, error)
}

// sizes are the bytes that a container has written, and those of its whole
// tree as far as we know them.
func (d *Daemon) sizes(id string) (own, all int64) {
	if s, ok := d.config.Snapshots.(sizer); ok {
		own, _ = s.Usage(id)
	}
	return own, own
}
