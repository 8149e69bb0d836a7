package daemon

import (
	"fmt"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/network"

	"drydock/01-namespaces/namespace"
	"drydock/06-networking/bridge"
)

// Join puts a container on one more network: at once if it runs, and whenever
// it starts. name is that of a network which exists.
func (d *Daemon) Join(ref, name string, asked *network.EndpointSettings) error {
	b, err := d.open(ref)
	if err != nil {
		return err
	}
	defer b.mu.Unlock()
	r := b.record
	if err := mayJoin(r, name); err != nil {
		return err
	}
	if asked == nil {
		asked = &network.EndpointSettings{}
	}
	r.Networks[name] = asked
	if b.status().Alive() {
		err = d.joinNow(r, name)
	}
	if err == nil {
		err = d.records.Save(r)
	}
	if err != nil {
		delete(r.Networks, name)
	}
	return err
}

// mayJoin refuses in Docker's words.
func mayJoin(r *record, name string) error {
	mode := r.HostConfig.NetworkMode
	switch {
	case mode.IsContainer():
		return forbidden("container sharing network namespace with another container or host cannot be connected to any other network")
	case mode.IsHost() || name == "host":
		return forbidden("cannot connect container to host network - container must be created with host network mode")
	case mode.IsNone() || name == "none":
		return forbidden("container cannot be connected to multiple networks with one of the networks in private (none) mode")
	case r.Networks[name] != nil:
		return forbidden("endpoint with name %s already exists in network %s", r.Name, name)
	}
	return nil
}

// joinNow lays the cable of a container that runs. mu is held.
func (d *Daemon) joinNow(r *record, name string) error {
	taken := func(eth string) bool {
		return slices.ContainsFunc(r.State.Leases, func(l bridge.Lease) bool { return l.Interface == eth })
	}
	e := endpoint(r, name)
	for n := 0; e.Name == "" || taken(e.Name); n++ {
		e.Name = fmt.Sprintf("eth%d", n)
	}
	lease, err := d.config.Networks.Connect(name, namespace.Path(r.State.Pid, namespace.Net), e)
	if err != nil {
		return networkError(r, err)
	}
	r.State.Leases = append(slices.Clone(r.State.Leases), lease)
	d.save(r)
	d.tellNetwork(d.networkID(name), name, r.ID, events.ActionConnect)
	return d.reintroduce(r)
}

// Leave takes a container off a network.
func (d *Daemon) Leave(ref, name string) error {
	b, err := d.open(ref)
	if err != nil {
		return err
	}
	defer b.mu.Unlock()
	r := b.record
	if _, on := r.Networks[name]; !on || r.HostConfig.NetworkMode.IsContainer() {
		return forbidden("container %s is not connected to network %s", r.ID, name)
	}
	if r.HostConfig.NetworkMode.IsHost() {
		return conflict("cannot disconnect container from host network - container was created with host network mode")
	}
	for i, lease := range r.State.Leases {
		if lease.Network != name {
			continue
		}
		d.disconnect(r, []bridge.Lease{lease})
		if err := d.config.Networks.Unplug(lease); err != nil {
			return err
		}
		r.State.Leases = slices.Delete(slices.Clone(r.State.Leases), i, i+1)
		d.save(r)
		break
	}
	delete(r.Networks, name)
	if b.status().Alive() {
		if err := d.reintroduce(r); err != nil {
			return err
		}
	}
	return d.records.Save(r)
}

func forbidden(format string, args ...any) error {
	return errdefs.ErrPermissionDenied.WithMessage(fmt.Sprintf(format, args...))
}
