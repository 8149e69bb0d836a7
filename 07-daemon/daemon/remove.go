package daemon

import (
	"context"
	"errors"
	"os"

	"drydock/07-daemon/lifecycle"
)

// Remove deletes a container: its record, tree, log and name.
func (d *Daemon) Remove(ctx context.Context, ref string, o RemoveOptions) error {
	b, err := d.open(ref)
	if err != nil {
		return err
	}
	if err := b.mayGo(o.Force); err != nil {
		b.mu.Unlock()
		return err
	}
	b.leaving = true
	d.callOff(b)
	if err := d.quiet(b, func() error { return d.end(ctx, b) }); err != nil {
		b.leaving = false
		b.mu.Unlock()
		return err
	}
	err = b.become(lifecycle.Removing) // nobody starts it from here on
	tidied := b.tidied
	b.mu.Unlock()
	if err != nil {
		return err
	}
	<-tidied.done
	b.mu.Lock()
	defer b.mu.Unlock()
	d.forget(b)
	err = d.clear(b, o.Volumes || b.record.HostConfig.AutoRemove)
	d.farewell(b)
	return err
}

// mayGo refuses to remove a container that runs, in Docker's words. mu is
// held.
func (b *box) mayGo(force bool) error {
	name := "/" + b.record.Name
	switch s := b.status(); {
	case b.leaving:
		return conflict("removal of container %s is already in progress", b.id)
	case force:
		return nil
	case s == lifecycle.Running:
		return conflict("cannot remove container %q: container is running: stop the container before removing or force remove", name)
	case s == lifecycle.Paused:
		return conflict("cannot remove container %q: container is paused and must be unpaused first", name)
	case s == lifecycle.Restarting:
		return conflict("cannot remove container %q: container is restarting: stop the container before removing or force remove", name)
	default:
		return nil
	}
}

// farewell tells everybody that a container is gone. mu is held.
func (d *Daemon) farewell(b *box) {
	d.dismiss(b)
	d.tell(b.record, "destroy")
	if b.status() != lifecycle.Removing {
		if err := b.become(lifecycle.Removing); err != nil {
			d.log.Error("state", "container", b.id, "error", err)
		}
	}
	b.gone.now(b.record.State.ExitCode)
}

// clear deletes what a container has on disk.
func (d *Daemon) clear(b *box, volumes bool) error {
	defer d.cleared(b)
	err := errors.Join(
		d.releaseVolumes(b.record, volumes),
		d.config.Snapshots.Remove(b.id),
		d.records.Remove(b.id),
		os.RemoveAll(d.shimDir(b.id)))
	if err != nil {
		d.log.Error("remove", "container", b.id, "error", err)
	}
	return err
}
