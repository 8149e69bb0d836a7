package daemon

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/containerd/errdefs"

	"drydock/01-namespaces/undo"
	"drydock/06-networking/bridge"
	"drydock/07-daemon/lifecycle"
	"drydock/07-daemon/shim"
)

// Start runs the program of a container. It returns when the program runs.
func (d *Daemon) Start(ctx context.Context, ref string) error {
	b, err := d.open(ref)
	if err != nil {
		return err
	}
	defer b.mu.Unlock()
	if d.closing() {
		return errdefs.ErrUnavailable.WithMessage("the daemon is shutting down")
	}
	switch b.status() {
	case lifecycle.Paused:
		return conflict("cannot start a paused container, try unpause instead")
	case lifecycle.Running, lifecycle.Restarting:
		return notModified("container %s is already running", b.id)
	case lifecycle.Removing, lifecycle.Dead:
		return conflict("container is marked for removal and cannot be started")
	}
	b.back, b.record.State.RestartCount = backoff{}, 0
	return d.start(b)
}

// start launches the container and keeps, if that fails, what Docker keeps of
// a failed start: the reason and an exit code. mu is held.
func (d *Daemon) start(b *box) error {
	cause := d.launch(b)
	if cause == nil {
		return nil
	}
	d.dismiss(b)
	code, err := startError(cause)
	s := &b.record.State
	s.Error, s.ExitCode = err.Error(), code
	d.save(b.record)
	if b.record.HostConfig.AutoRemove {
		b.leaving = true
		d.forget(b)
		d.farewell(b)
		d.clear(b, true)
	}
	return err
}

// launch is the way from a record to a running program. Everything that a
// later step may have to take back pushes its way back. mu is held.
func (d *Daemon) launch(b *box) (err error) {
	var way undo.Stack
	defer way.If(&err)
	<-b.tidied.done // what the last run left is cleaned up
	r := b.record
	ports, held, err := d.hold(r)
	if err != nil {
		return err
	}
	defer closeAll(held)                                  // the shim has its own by then
	s, err := d.config.Shim.Launch(r.ID, d.shimDir(r.ID)) // it starts up beside what follows
	if err != nil {
		return err
	}
	way.Push(func() { s.Kill() })
	bundle, err := d.bundle(r)
	if err != nil {
		return err
	}
	group, err := d.group(bundle.Group, r.HostConfig)
	if err != nil {
		return err
	}
	way.Push(func() { s.Kill(); group.Delete() }) // who is in the group goes first
	if err := s.Spawn(bundle, held); err != nil {
		return &programError{err}
	}
	leases, err := d.connect(r, s.Pid(), ports)
	if err != nil {
		return err
	}
	way.Push(func() { d.disconnect(r, leases) })
	if err := d.letGo(b, s, leases); err != nil {
		return err
	}
	r.State.Leases = leases
	b.shim, b.group = s, group
	b.pid.Store(int64(s.Pid()))
	return d.started(b)
}

// letGo does the last that must be done before the program runs, and then
// lets it run.
func (d *Daemon) letGo(b *box, s *shim.Shim, leases []bridge.Lease) error {
	if len(leases) > 0 {
		if err := overwrite(b.record.HostsPath, hostsFile(b.record, leases)); err != nil {
			return err
		}
	}
	if err := d.seat(b, s); err != nil {
		return err
	}
	if err := s.Release(); err != nil {
		return &programError{err}
	}
	return nil
}

// started writes down that the program runs and starts to watch it. Nothing
// waits for a disk: the shim knows the same.
func (d *Daemon) started(b *box) error {
	if err := b.become(lifecycle.Running); err != nil {
		return err
	}
	s := &b.record.State
	s.Pid, s.StartedAt, s.FinishedAt = b.shim.Pid(), time.Now().UTC(), time.Time{}
	s.ExitCode, s.Error, s.OOMKilled, s.Stopped = 0, "", false, false
	b.tidied = newMoment()
	d.save(b.record)
	d.tell(b.record, "start")
	d.watchers.Go(func() { d.watch(b) })
	return nil
}

// bundle is all that the shim must know.
func (d *Daemon) bundle(r *record) (shim.Bundle, error) {
	if err := d.writeFiles(r); err != nil {
		return shim.Bundle{}, err
	}
	w, err := d.world(r)
	if err != nil {
		return shim.Bundle{}, err
	}
	spec, err := assemble(r, w)
	if err != nil {
		return shim.Bundle{}, err
	}
	log, err := logging(r.HostConfig.LogConfig)
	if err != nil {
		return shim.Bundle{}, err
	}
	log.Path = r.LogPath
	return shim.Bundle{
		ID: r.ID, Dir: d.shimDir(r.ID), Spec: spec,
		Tree: d.tree, Group: d.groupName(r), Limits: limits(&r.HostConfig.Resources),
		Log: log, OpenStdin: r.Config.OpenStdin, StdinOnce: r.Config.StdinOnce,
	}, nil
}

// shimDir is where the shim of a container listens.
func (d *Daemon) shimDir(id string) string { return filepath.Join(d.config.ExecRoot, id) }

func (d *Daemon) groupName(r *record) string {
	if parent := r.HostConfig.CgroupParent; parent != "" {
		return groupName(parent, r.ID)
	}
	return groupName(d.config.CgroupRoot, r.ID)
}

// world looks up what a spec depends on.
func (d *Daemon) world(r *record) (w world, err error) {
	if w.root, err = d.config.Snapshots.Mount(r.ID); err != nil {
		return w, err
	}
	if w.join, err = d.neighbours(r.HostConfig); err != nil {
		return w, err
	}
	if w.devices, err = devices(r.HostConfig); err != nil {
		return w, err
	}
	if w.filter, err = d.filter(r.HostConfig); err != nil {
		return w, err
	}
	if err := ensureSources(r); err != nil {
		return w, err
	}
	w.files = fileMounts(d.filesOf(r))
	w.unified = d.tree.Version == 2
	return w, nil
}

// ensureSources makes missing directories of the host that -v named, as
// Docker does; for --mount they must exist.
func ensureSources(r *record) error {
	for _, p := range r.Mounts {
		if p.Type != "bind" {
			continue
		}
		if _, err := os.Lstat(p.Source); !os.IsNotExist(err) {
			continue
		}
		if !creates(r.HostConfig, p.Destination) {
			return invalid("invalid mount config for type \"bind\": bind source path does not exist: %s", p.Source)
		}
		if err := os.MkdirAll(p.Source, 0o755); err != nil {
			return err
		}
	}
	return nil
}
