package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/moby/moby/api/types/container"

	"drydock/02-cgroups/cgroup"
	"drydock/06-networking/bridge"
	"drydock/07-daemon/lifecycle"
	"drydock/07-daemon/shim"
)

// watch waits for the end of a running program: one goroutine a container.
// When the daemon closes, it leaves; the shim goes on alone.
//
// The exit is told at once and what is left is cleaned up after that. Only a
// container with published ports is first taken apart: whoever hears of its
// end may want to publish the same port.
func (d *Daemon) watch(b *box) {
	b.mu.Lock()
	s := b.shim
	b.mu.Unlock()
	status, err := s.Wait(d.life)
	if d.life.Err() != nil {
		return
	}
	if err != nil {
		d.log.Error("lost the shim", "container", b.id, "error", err)
		status = lost(err)
	}
	if d.unpublish(b) {
		<-s.Gone()
	}
	e := d.ended(b, status)
	d.disconnect(b.record, e.leases)
	d.tidy(b, e)
	if e.again {
		d.restartLater(b)
	}
}

// unpublish takes a container with published ports off its networks and says
// whether it was one.
func (d *Daemon) unpublish(b *box) bool {
	b.mu.Lock()
	leases := b.record.State.Leases
	publishes := slices.ContainsFunc(leases, func(l bridge.Lease) bool { return len(l.Ports) > 0 })
	if publishes {
		b.record.State.Leases = nil
	}
	b.mu.Unlock()
	if publishes {
		d.disconnect(b.record, leases)
	}
	return publishes
}

// lost is the status of a container whose shim was killed: nobody saw its end.
func lost(cause error) shim.Status {
	s := shim.Status{Error: "its shim is gone and left no exit status"}
	if !errors.Is(cause, fs.ErrNotExist) {
		s.Error += ": " + cause.Error()
	}
	s.Exit.Code, s.Exit.At = 137, time.Now()
	return s
}

// An ending is what a run left behind, taken out of the box: the next start
// may already hold the box's lock while it waits for the clean-up.
type ending struct {
	shim   *shim.Shim
	group  *cgroup.Group
	leases []bridge.Lease
	tidied *moment
	again  bool // the restart policy starts it again
	auto   bool // it removes itself
}

// ended writes down how a run ended and wakes whoever waits for it.
func (d *Daemon) ended(b *box, status shim.Status) ending {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, s := b.record, &b.record.State
	e := ending{shim: b.shim, group: b.group, leases: s.Leases, tidied: b.tidied}
	b.shim, b.group, s.Leases = nil, nil, nil
	s.Pid, s.ExitCode, s.OOMKilled, s.Error = 0, status.Exit.Code, status.OOMKilled, status.Error
	s.FinishedAt = status.Exit.At.UTC()
	b.pid.Store(0)
	if s.OOMKilled {
		d.tell(r, "oom")
	}
	ran := s.FinishedAt.Sub(s.StartedAt)
	d.tell(r, "die", "exitCode", strconv.Itoa(s.ExitCode), "execDuration", strconv.Itoa(int(ran.Seconds())))
	e.again = !b.leaving && restarts(r.HostConfig.RestartPolicy, *s)
	e.auto = r.HostConfig.AutoRemove && !b.leaving && b.staying == 0 && !d.closing()
	d.settle(b, e, ran)
	d.wake(b, e.again)
	return e
}

// settle moves a container that ended to its next state. mu is held.
func (d *Daemon) settle(b *box, e ending, ran time.Duration) {
	next := lifecycle.Exited
	if e.again {
		next, b.cancel = lifecycle.Restarting, make(chan struct{})
		b.back.next(ran)
	}
	if err := b.become(next); err != nil {
		d.log.Error("state", "container", b.id, "error", err)
	}
	if !e.auto {
		d.save(b.record)
		return
	}
	b.leaving = true
	if err := b.become(lifecycle.Removing); err != nil {
		d.log.Error("state", "container", b.id, "error", err)
	}
	d.forget(b)
}

// wake tells those who wait for this exit and, if no restart follows, those
// who wait for the container to rest. mu is held.
func (d *Daemon) wake(b *box, again bool) {
	b.exit.now(b.record.State.ExitCode)
	b.exit = newMoment()
	if again {
		return
	}
	b.rest.now(b.record.State.ExitCode)
	b.rest = newMoment()
}

// tidy cleans up after a run. Nobody waits for it but the next start, and
// those who wait for the removal of a container with volumes. It does without
// the lock where that start may have it.
func (d *Daemon) tidy(b *box, e ending) {
	if e.auto {
		d.releaseVolumes(b.record, true)
		b.mu.Lock()
		d.farewell(b)
		b.mu.Unlock()
	}
	<-e.shim.Gone() // it deletes the group and lets go of the namespaces
	if err := e.group.Delete(); err != nil {
		d.log.Warn("delete the group", "container", b.id, "error", err)
	}
	os.RemoveAll(d.shimDir(b.id))
	e.tidied.now(0)
	if e.auto {
		d.clear(b, true)
	}
}

// save writes down the state of a container. What goes wrong is said in the
// log: the container itself is none the worse.
func (d *Daemon) save(r *record) {
	if err := d.records.SaveState(r); err != nil {
		d.log.Warn("save the record", "container", r.ID, "error", err)
	}
}

// restarts is the whole of the restart policies: what to do after this end.
func restarts(p container.RestartPolicy, s state) bool {
	switch {
	case s.Stopped:
		return false
	case p.IsAlways(), p.IsUnlessStopped():
		return true
	case p.IsOnFailure():
		return s.ExitCode != 0 && (p.MaximumRetryCount == 0 || s.RestartCount < p.MaximumRetryCount)
	default:
		return false
	}
}

// A backoff is the pause before a restart: a tenth of a second, doubled each
// time up to a minute, and back to the start after ten good seconds.
type backoff struct{ pause time.Duration }

const (
	firstPause = 100 * time.Millisecond
	lastPause  = time.Minute
	goodRun    = 10 * time.Second
)

func (b *backoff) next(ran time.Duration) {
	if ran >= goodRun || b.pause == 0 {
		b.pause = firstPause
		return
	}
	b.pause = min(2*b.pause, lastPause)
}

// restartLater starts a container again after its pause, unless somebody
// calls it off or the daemon closes.
func (d *Daemon) restartLater(b *box) {
	b.mu.Lock()
	pause, cancel := b.back.pause, b.cancel
	b.mu.Unlock()
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-d.life.Done():
		return
	case <-cancel:
		return
	case <-timer.C:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.status() != lifecycle.Restarting {
		return
	}
	count := b.record.State.RestartCount + 1
	if err := d.start(b); err != nil {
		d.log.Error("restart", "container", b.id, "error", err)
		d.giveUp(b)
		return
	}
	b.record.State.RestartCount = count
}

// giveUp ends the restarting of a container. mu is held.
func (d *Daemon) giveUp(b *box) {
	if err := b.become(lifecycle.Exited); err != nil {
		d.log.Error("state", "container", b.id, "error", err)
	}
	d.save(b.record)
	d.wake(b, false)
}

// A Waiter waits for what Wait was asked for.
type Waiter func(ctx context.Context) (container.WaitResponse, error)

// Wait prepares to wait: for the container to rest (the default), for its
// next exit, or for its removal. The wait begins now, so that an exit between
// this call and the Waiter's is not missed.
func (d *Daemon) Wait(ref string, condition container.WaitCondition) (Waiter, error) {
	b, err := d.open(ref)
	if err != nil {
		return nil, err
	}
	defer b.mu.Unlock()
	m := b.rest
	switch condition {
	case "", container.WaitConditionNotRunning:
		if s := b.status(); !s.Alive() && s != lifecycle.Restarting {
			m = newMoment()
			m.now(b.record.State.ExitCode)
		}
	case container.WaitConditionNextExit:
		m = b.exit
	case container.WaitConditionRemoved:
		m = b.gone
	default:
		return nil, invalid("invalid condition: %q", string(condition))
	}
	return func(ctx context.Context) (container.WaitResponse, error) {
		select {
		case <-ctx.Done():
			return container.WaitResponse{}, fmt.Errorf("wait for container %s: %w", b.id, ctx.Err())
		case <-m.done:
			return container.WaitResponse{StatusCode: int64(m.code)}, nil
		}
	}, nil
}
