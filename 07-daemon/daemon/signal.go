package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"drydock/07-daemon/lifecycle"
)

// graceSeconds is how long a container may take to obey, unless it says
// otherwise.
const graceSeconds = 10

// Stop asks a container to end and kills it when it does not.
func (d *Daemon) Stop(ctx context.Context, ref string, o StopOptions) error {
	b, err := d.open(ref)
	if err != nil {
		return err
	}
	s := b.status()
	if s != lifecycle.Restarting && !s.Alive() {
		b.mu.Unlock()
		return notModified("container %s is already stopped", b.id)
	}
	if d.callOff(b) {
		b.mu.Unlock()
		return nil
	}
	b.mu.Unlock()
	return d.stop(ctx, b, o)
}

// stop ends a container that is alive.
func (d *Daemon) stop(ctx context.Context, b *box, o StopOptions) error {
	b.mu.Lock()
	if !b.status().Alive() {
		b.mu.Unlock()
		return nil
	}
	rest := b.rest
	b.record.State.Stopped = true
	sig, grace, err := b.manners(o)
	if err == nil {
		err = d.signal(b, sig)
	}
	b.mu.Unlock()
	if err != nil {
		return err
	}
	var late <-chan time.Time
	if grace >= 0 {
		timer := time.NewTimer(time.Duration(grace) * time.Second)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-rest.done:
	case <-late:
		if err := d.end(context.WithoutCancel(ctx), b); err != nil {
			return err
		}
	case <-ctx.Done():
		return fmt.Errorf("stop container %s: %w", b.id, ctx.Err())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	d.tell(b.record, "stop")
	return nil
}

// manners are the signal and the seconds to stop with: what the call says, or
// what the container was created with. mu is held.
func (b *box) manners(o StopOptions) (unix.Signal, int, error) {
	name := o.Signal
	if name == "" {
		name = b.record.Config.StopSignal
	}
	sig, err := stopSignal(name)
	switch {
	case o.Timeout != nil:
		return sig, *o.Timeout, err
	case b.record.Config.StopTimeout != nil:
		return sig, *b.record.Config.StopTimeout, err
	default:
		return sig, graceSeconds, err
	}
}

// end kills a container and waits until it is dead.
func (d *Daemon) end(ctx context.Context, b *box) error {
	b.mu.Lock()
	rest := b.rest
	if !b.status().Alive() {
		b.mu.Unlock()
		return nil
	}
	b.record.State.Stopped = true
	err := d.signal(b, unix.SIGKILL)
	b.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case <-rest.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("kill container %s: %w", b.id, ctx.Err())
	}
}

// signal sends a signal to a container that is alive. A frozen one is thawed:
// it would not even notice SIGKILL on cgroup v1. mu is held.
func (d *Daemon) signal(b *box, sig unix.Signal) error {
	if err := b.shim.Signal(sig); err != nil {
		if b.pid.Load() == 0 || unix.Kill(int(b.pid.Load()), 0) != nil {
			return nil // it ended meanwhile; the watcher will say so
		}
		return fmt.Errorf("send signal %d to container %s: %w", int(sig), b.id, err)
	}
	d.tell(b.record, "kill", "signal", strconv.Itoa(int(sig)))
	if b.status() == lifecycle.Paused {
		if err := b.group.Thaw(); err != nil && !vanished(err) {
			return fmt.Errorf("thaw container %s: %w", b.id, err)
		}
		return b.become(lifecycle.Running)
	}
	return nil
}

// callOff calls a pending restart off and says whether there was one. mu is
// held.
func (d *Daemon) callOff(b *box) bool {
	if b.status() != lifecycle.Restarting {
		return false
	}
	close(b.cancel)
	b.record.State.Stopped = true
	d.giveUp(b)
	return true
}

// Kill sends a signal to a container; empty is SIGKILL, which it waits for.
func (d *Daemon) Kill(ref, signal string) error {
	if signal == "" {
		signal = "KILL"
	}
	sig, err := stopSignal(signal)
	if err != nil {
		return err
	}
	b, err := d.open(ref)
	if err != nil {
		return err
	}
	if d.callOff(b) {
		b.mu.Unlock()
		return nil
	}
	if !b.status().Alive() {
		b.mu.Unlock()
		return conflict("container %s is not running", b.id)
	}
	stop, _ := stopSignal(b.record.Config.StopSignal)
	if sig == stop || sig == unix.SIGKILL {
		b.record.State.Stopped = true
	}
	rest := b.rest
	err = d.signal(b, sig)
	b.mu.Unlock()
	if err == nil && sig == unix.SIGKILL {
		<-rest.done
	}
	return err
}

// Restart stops a container if it runs, and starts it.
func (d *Daemon) Restart(ctx context.Context, ref string, o StopOptions) error {
	b, err := d.open(ref)
	if err != nil {
		return err
	}
	defer b.mu.Unlock()
	if b.leaving {
		return conflict("container is marked for removal and cannot be started")
	}
	d.callOff(b)
	b.staying++ // it must not remove itself in between
	err = d.quiet(b, func() error { return d.stop(ctx, b, o) })
	b.staying--
	switch {
	case err != nil:
		return err
	case b.leaving:
		return conflict("container is marked for removal and cannot be started")
	}
	if err := d.start(b); err != nil {
		return err
	}
	d.tell(b.record, "restart")
	return nil
}

// quiet calls end until the container is not alive: while it lets go of the
// lock, somebody else may start it again. mu is held, before and after.
func (d *Daemon) quiet(b *box, end func() error) error {
	for b.status().Alive() {
		b.mu.Unlock()
		err := end()
		b.mu.Lock()
		if err != nil {
			return err
		}
		d.callOff(b)
	}
	return nil
}

// Pause freezes every process of a container. See cgroups(7), "freezer".
func (d *Daemon) Pause(ref string) error {
	b, err := d.open(ref)
	if err != nil {
		return err
	}
	defer b.mu.Unlock()
	switch b.status() {
	case lifecycle.Running:
	case lifecycle.Paused:
		return conflict("container %s is already paused", b.id)
	default:
		return conflict("container %s is not running", b.id)
	}
	err = b.group.Freeze()
	if vanished(err) {
		return conflict("container %s is not running", b.id)
	}
	if err != nil {
		return fmt.Errorf("cannot pause container %s: %w", b.id, err)
	}
	if err := b.become(lifecycle.Paused); err != nil {
		return err
	}
	d.save(b.record)
	d.tell(b.record, "pause")
	return nil
}

// Unpause lets them go on.
func (d *Daemon) Unpause(ref string) error {
	b, err := d.open(ref)
	if err != nil {
		return err
	}
	defer b.mu.Unlock()
	if b.status() != lifecycle.Paused {
		return conflict("container %s is not paused", b.id)
	}
	if err := b.group.Thaw(); err != nil && !vanished(err) {
		return fmt.Errorf("cannot unpause container %s: %w", b.id, err)
	}
	if err := b.become(lifecycle.Running); err != nil {
		return err
	}
	d.save(b.record)
	d.tell(b.record, "unpause")
	return nil
}

// vanished says whether a group could not be used because the shim has deleted
// it meanwhile: the container ended, and the watcher is about to say so. A
// file of a deleted group that is still open answers ENODEV.
func vanished(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV)
}
