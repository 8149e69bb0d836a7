package daemon

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"drydock/06-networking/bridge"
	"drydock/07-daemon/lifecycle"
	"drydock/07-daemon/shim"
)

// restore reads the records and finds out what became of each container while
// no daemon looked. A shim that answers is watched again; one that ended left
// its exit status; one that left nothing was killed.
func (d *Daemon) restore() error {
	records, err := d.records.Load()
	if err != nil {
		d.log.Error("read the records", "error", err)
	}
	if records == nil && err != nil {
		return err
	}
	var leases []bridge.Lease
	var alive, again []*box
	for _, r := range records {
		b := newBox(r)
		d.register(b)
		d.adopt(b)
		leases = append(leases, r.State.Leases...)
		switch {
		case b.shim != nil:
			alive = append(alive, b)
		case revives(r):
			again = append(again, b)
		}
	}
	if d.config.Networks != nil {
		if err := d.config.Networks.Restore(leases); err != nil {
			return err
		}
	}
	d.sweep()
	for _, b := range alive {
		r := b.record
		if err := d.introduce(r, r.State.Pid, r.State.Leases); err != nil {
			d.log.Warn("answer names again", "container", b.id, "error", err)
		}
		d.watchers.Go(func() { d.watch(b) })
	}
	d.watchers.Go(func() { d.revive(again) })
	return nil
}

// adopt finds out what became of one container. A record may say "created"
// while the program runs: the daemon died right after it had been released.
func (d *Daemon) adopt(b *box) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, s := b.record, &b.record.State
	was := s.Status
	_, err := os.Stat(d.shimDir(b.id))
	if err == nil && d.reconnect(b) {
		return
	}
	s.Pid, s.Leases = 0, nil
	if was.Alive() || was == lifecycle.Restarting {
		status, err := shim.Exited(d.shimDir(b.id))
		if err != nil {
			status = lost(err)
			d.log.Warn("a container died unseen", "container", b.id, "name", r.Name)
		}
		s.Status, s.ExitCode, s.OOMKilled, s.Error = lifecycle.Exited, status.Exit.Code, status.OOMKilled, status.Error
		s.FinishedAt = status.Exit.At.UTC()
		d.save(r)
	}
	d.dropRemains(b)
	if r.HostConfig.AutoRemove && was != lifecycle.Created || s.Status == lifecycle.Removing {
		b.leaving = true
		d.forget(b)
		d.clear(b, true)
	}
}

// dropRemains removes what a run left outside of the record: its group, which
// a daemon makes before there is a shim to delete it, and the shim's files.
func (d *Daemon) dropRemains(b *box) {
	if g, err := d.tree.Open(d.groupName(b.record)); err == nil {
		if err := g.Delete(); err != nil {
			d.log.Warn("delete the group", "container", b.id, "error", err)
		}
	}
	os.RemoveAll(d.shimDir(b.id))
}

// reconnect takes a container over whose shim answers. mu is held.
func (d *Daemon) reconnect(b *box) bool {
	s, err := shim.Connect(d.shimDir(b.id))
	if err != nil {
		return false
	}
	status, err := s.Status()
	if err != nil || !status.Running {
		return false
	}
	group, err := d.tree.Open(d.groupName(b.record))
	if err != nil {
		d.log.Error("open the group", "container", b.id, "error", err)
		return false
	}
	b.shim, b.group, b.tidied = s, group, newMoment()
	b.pid.Store(int64(status.Pid))
	state := &b.record.State
	state.Pid = status.Pid
	if !state.Status.Alive() {
		state.Status, state.StartedAt = lifecycle.Running, time.Now().UTC()
		d.save(b.record)
	}
	return true
}

// revives says whether a container that does not run is started with the
// daemon. "always" means even one that a user had stopped.
func revives(r *record) bool {
	p := r.HostConfig.RestartPolicy
	return r.State.Status == lifecycle.Exited && (p.IsAlways() || restarts(p, r.State))
}

// revive starts them one after the other.
func (d *Daemon) revive(boxes []*box) {
	for _, b := range boxes {
		if d.life.Err() != nil || d.closing() {
			return
		}
		b.mu.Lock()
		if b.status() == lifecycle.Exited && !b.leaving {
			if err := d.start(b); err != nil {
				d.log.Error("restart", "container", b.id, "error", err)
			}
		}
		b.mu.Unlock()
	}
}

// sweep removes what shims left under the exec-root whose containers nobody
// knows: those of --rm containers and of build steps.
func (d *Daemon) sweep() {
	entries, err := os.ReadDir(d.config.ExecRoot)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			d.log.Warn("read the exec-root", "error", err)
		}
		return
	}
	for _, e := range entries {
		dir := d.shimDir(e.Name())
		if strings.HasPrefix(e.Name(), "copy-") { // where an image was mounted, out of sight
			os.Remove(dir)
		}
		if _, known := d.boxes[e.Name()]; known || len(e.Name()) != 64 {
			continue
		}
		if s, err := shim.Connect(dir); err == nil {
			s.Signal(9)
			<-s.Gone()
		}
		os.RemoveAll(dir)
	}
}
