package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/seccomp"
	"drydock/02-cgroups/cgroup"
	"drydock/06-networking/resolver"
	"drydock/07-daemon/container"
	"drydock/07-daemon/event"
	"drydock/07-daemon/lifecycle"
)

// A Daemon owns the containers of one root. It is safe for concurrent use.
type Daemon struct {
	config  Config
	records *container.Store
	tree    cgroup.Tree
	events  *event.Bus
	log     *slog.Logger

	resolver *resolver.Server // answers containers on networks of users

	life     context.Context // ends when Close begins to leave the shims alone
	leave    context.CancelFunc
	watchers sync.WaitGroup // one goroutine a running container or exec

	mu      sync.Mutex // guards all below
	boxes   map[string]*box
	names   map[string]string // name to id
	going   map[string]*box   // forgotten, not yet cleared
	execs   map[string]*execution
	filters map[capability.Set]seccomp.Program
	closed  bool
}

// Open reads the records, takes over the containers that lived on without a
// daemon, and starts those whose restart policy says so. Close ends what it
// began.
func Open(c Config) (*Daemon, error) {
	if c.LogDriver == "" {
		c.LogDriver = "json-file"
	}
	if c.CgroupRoot == "" {
		c.CgroupRoot = "drydock"
	}
	if c.Events == nil {
		c.Events = &event.Bus{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	records, err := openRecords(c.Root)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.ExecRoot, 0o711); err != nil {
		return nil, err
	}
	tree, err := cgroup.Detect()
	if err != nil {
		return nil, err
	}
	d := &Daemon{
		config: c, records: records, tree: tree, events: c.Events, log: c.Logger, resolver: resolver.New(),
		boxes: map[string]*box{}, names: map[string]string{}, going: map[string]*box{},
		execs: map[string]*execution{}, filters: map[capability.Set]seccomp.Program{},
	}
	d.life, d.leave = context.WithCancel(context.Background())
	if err := d.restore(); err != nil {
		d.leave()
		d.watchers.Wait()
		return nil, errors.Join(err, d.resolver.Close())
	}
	return d, nil
}

// Events is the bus on which the daemon tells what happens.
func (d *Daemon) Events() *event.Bus { return d.events }

func (d *Daemon) closing() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed
}

// Close stops the containers, as Docker does, unless they shall live on, and
// waits for every goroutine of the daemon. Those that ctx leaves no time for
// live on too.
func (d *Daemon) Close(ctx context.Context) error {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	var err error
	if !d.config.LiveRestore {
		err = d.stopAll(ctx)
	}
	d.leave()
	d.watchers.Wait()
	for _, b := range d.all() {
		b.mu.Lock()
		d.dismiss(b)
		b.mu.Unlock()
	}
	d.dropGroup()
	return errors.Join(err, d.resolver.Close())
}

// controllers are those whose hierarchies of cgroup v1 may hold our groups.
var controllers = []string{"memory", "cpu", "cpuacct", "cpuset", "pids", "devices", "freezer", "blkio"}

// dropGroup removes the group above all containers if it is empty: nothing of
// ours is left in the machine's hierarchies when nothing runs. Another daemon
// may share it; rmdir(2) leaves alone what is in use.
func (d *Daemon) dropGroup() {
	g, err := d.tree.Open(d.config.CgroupRoot)
	if err != nil {
		return
	}
	for _, c := range controllers {
		if dir, ok := g.Dir(c); ok {
			os.Remove(dir)
		}
	}
}

// stopAll stops every container at once: they share the time that there is.
// What the restart policies are to do at the next start stays as it is.
func (d *Daemon) stopAll(ctx context.Context) error {
	var wg sync.WaitGroup
	boxes := d.all()
	failures := make([]error, len(boxes))
	for i, b := range boxes {
		wg.Go(func() { failures[i] = d.stopForNow(ctx, b) })
	}
	wg.Wait()
	return errors.Join(failures...)
}

func (d *Daemon) stopForNow(ctx context.Context, b *box) error {
	b.mu.Lock()
	if b.status() == lifecycle.Restarting {
		d.callOff(b)
		b.record.State.Stopped = false
		d.save(b.record)
	}
	alive, tidied := b.status().Alive(), b.tidied
	b.mu.Unlock()
	if !alive {
		return nil
	}
	if err := d.stop(ctx, b, StopOptions{}); err != nil {
		return fmt.Errorf("stop %s: %w", b.id, err)
	}
	<-tidied.done
	b.mu.Lock()
	defer b.mu.Unlock()
	b.record.State.Stopped = false
	d.save(b.record)
	return nil
}
