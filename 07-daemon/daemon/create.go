package daemon

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/api/types/network"

	"drydock/01-namespaces/undo"
	"drydock/07-daemon/lifecycle"
)

// Create makes a container: a tree of its own on top of the image's, a
// record, a name. Nothing is mounted and nothing runs.
func (d *Daemon) Create(ctx context.Context, name string, request container.CreateRequest) (response container.CreateResponse, err error) {
	var way undo.Stack
	defer way.If(&err)
	r, err := d.draft(name, request)
	if err != nil {
		return response, err
	}
	if r.Name, err = d.reserve(r.ID, name); err != nil {
		return response, err
	}
	way.Push(func() { d.release(r.ID, r.Name) })
	parent, err := d.config.Images.Unpack(ctx, r.Image)
	if err != nil {
		return response, err
	}
	if err := d.config.Snapshots.Prepare(r.ID, parent); err != nil {
		return response, err
	}
	way.Push(func() { d.config.Snapshots.Remove(r.ID) })
	way.Push(func() { d.releaseVolumes(r, true) })
	if err := d.useVolumes(r); err != nil {
		return response, err
	}
	if err := d.records.Create(r); err != nil {
		return response, err
	}
	d.register(newBox(r))
	d.tell(r, events.ActionCreate)
	return container.CreateResponse{ID: r.ID, Warnings: warnings(r)}, nil
}

// draft checks a request and completes it from its image.
func (d *Daemon) draft(name string, request container.CreateRequest) (*record, error) {
	c, h := request.Config, request.HostConfig
	if c == nil {
		return nil, invalid("config cannot be empty in order to create a container")
	}
	if h == nil {
		h = &container.HostConfig{}
	}
	if name != "" {
		if err := checkName(name); err != nil {
			return nil, err
		}
	}
	image, err := d.config.Images.Get(c.Image)
	if err != nil {
		return nil, err
	}
	merge(c, image.Config)
	d.normalize(h)
	if err := d.check(c, h); err != nil {
		return nil, err
	}
	r := &record{ID: newID(), Created: time.Now().UTC(), Config: c, HostConfig: h, Image: image.ID, Platform: "linux"}
	return r, d.fill(r, request.NetworkingConfig)
}

// check refuses what cannot be honoured on this machine.
func (d *Daemon) check(c *container.Config, h *container.HostConfig) error {
	if err := validate(c, h); err != nil {
		return err
	}
	if _, err := rlimits(h.Ulimits); err != nil {
		return err
	}
	if _, err := capabilities(h); err != nil {
		return err
	}
	if err := validateSysctls(h); err != nil {
		return err
	}
	return validateDevices(h)
}

// fill derives the rest of the record.
func (d *Daemon) fill(r *record, n *network.NetworkingConfig) (err error) {
	if r.Path, r.Args, err = command(r.Config); err != nil {
		return err
	}
	if r.Config.WorkingDir, err = workingDir(r.Config.WorkingDir); err != nil {
		return err
	}
	if err := d.checkNeighbours(r.HostConfig); err != nil {
		return err
	}
	if r.Networks, err = d.wantedNetworks(r.HostConfig, n); err != nil {
		return err
	}
	if r.Config.Hostname == "" {
		r.Config.Hostname = d.defaultHostname(r)
	}
	r.State.Status = lifecycle.Created
	dir := d.records.Dir(r.ID)
	r.HostnamePath, r.HostsPath = filepath.Join(dir, "hostname"), filepath.Join(dir, "hosts")
	r.ResolvConfPath = filepath.Join(dir, "resolv.conf")
	if r.HostConfig.LogConfig.Type == "json-file" {
		r.LogPath = filepath.Join(dir, r.ID+"-json.log")
	}
	return nil
}

// defaultHostname is the short id, or the name of whoever's network the
// container shares: the host's or another container's.
func (d *Daemon) defaultHostname(r *record) string {
	if other := d.filesOf(r); other != r {
		return other.Config.Hostname
	}
	if r.HostConfig.NetworkMode.IsHost() || r.HostConfig.UTSMode.IsHost() {
		if name, err := os.Hostname(); err == nil {
			return name
		}
	}
	return r.ID[:12]
}

// warnings tell of what was accepted and will not have the effect that its
// user may expect.
func warnings(r *record) []string {
	all := []string{}
	if h := r.Config.Healthcheck; h != nil && len(h.Test) > 0 && h.Test[0] != "NONE" {
		all = append(all, "Health checks are not performed by this engine yet.")
	}
	if r.HostConfig.NetworkMode.IsHost() && (len(r.HostConfig.PortBindings) > 0 || r.HostConfig.PublishAllPorts) {
		all = append(all, "Published ports are discarded when using host network mode")
	}
	return all
}
