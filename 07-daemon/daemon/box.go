package daemon

import (
	"sync"
	"sync/atomic"

	"drydock/02-cgroups/cgroup"
	"drydock/07-daemon/lifecycle"
	"drydock/07-daemon/shim"
)

// A box is one container in memory.
type box struct {
	id  string       // never changes
	pid atomic.Int64 // of the first process, 0 without one

	mu      sync.Mutex // guards all below
	record  *record
	shim    *shim.Shim    // while it is alive
	group   *cgroup.Group // while it is alive
	exit    *moment       // the next end of the program
	rest    *moment       // the next end that no restart follows
	gone    *moment       // its removal
	tidied  *moment       // the clean-up after the last end; the next start waits for it
	cleared *moment       // its tree and record are deleted
	waiting []attachment  // clients that came before the program
	cancel  chan struct{} // closed to call a pending restart off
	back    backoff
	leaving bool // somebody removes it
	staying int  // how many restart it: its end is not the end
}

// A moment is something that happens once. code may be read after done was
// closed.
type moment struct {
	done chan struct{}
	code int
}

func newMoment() *moment { return &moment{done: make(chan struct{})} }

// now lets the moment happen.
func (m *moment) now(code int) {
	m.code = code
	close(m.done)
}

func newBox(r *record) *box {
	b := &box{id: r.ID, record: r, exit: newMoment(), rest: newMoment(), gone: newMoment(), tidied: newMoment(), cleared: newMoment()}
	b.tidied.now(0)
	return b
}

// become moves the container to another state. mu is held.
func (b *box) become(s lifecycle.Status) error {
	next, err := b.record.State.Status.To(s)
	if err != nil {
		return conflict("%s: %s", b.record.Name, err)
	}
	b.record.State.Status = next
	return nil
}

// status is the container's state. mu is held.
func (b *box) status() lifecycle.Status { return b.record.State.Status }

// running refuses, in Docker's words, to go on with a container that has no
// program to talk to. mu is held.
func (b *box) running() error {
	switch b.status() {
	case lifecycle.Running:
		return nil
	case lifecycle.Paused:
		return conflict("container %s is paused, unpause the container before exec", b.id)
	case lifecycle.Restarting:
		return conflict("container %s is restarting, wait until the container is running", b.id)
	default:
		return conflict("container %s is not running", b.id)
	}
}
