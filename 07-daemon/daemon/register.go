package daemon

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"drydock/07-daemon/lifecycle"
)

// find looks a container up by id, name, or a prefix of its id that no other
// has, in this order.
func (d *Daemon) find(ref string) (*box, error) {
	if ref == "" {
		return nil, invalid("No container name or ID supplied")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if b, ok := d.boxes[ref]; ok {
		return b, nil
	}
	if b, ok := d.boxes[d.names[strings.TrimPrefix(ref, "/")]]; ok {
		return b, nil
	}
	var found *box
	for id, b := range d.boxes {
		if !strings.HasPrefix(id, ref) {
			continue
		}
		if found != nil {
			return nil, invalid("multiple IDs found with provided prefix: %s", ref)
		}
		found = b
	}
	if found == nil {
		return nil, notFound("No such container: %s", ref)
	}
	return found, nil
}

// open finds a container and locks it.
func (d *Daemon) open(ref string) (*box, error) {
	b, err := d.find(ref)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	if b.leaving && b.status() == lifecycle.Removing {
		b.mu.Unlock()
		return nil, notFound("No such container: %s", ref)
	}
	return b, nil
}

// all returns every container, newest first.
func (d *Daemon) all() []*box {
	d.mu.Lock()
	boxes := make([]*box, 0, len(d.boxes))
	for _, b := range d.boxes {
		boxes = append(boxes, b)
	}
	d.mu.Unlock()
	// Created never changes, so it is read without the box's lock.
	slices.SortFunc(boxes, func(a, b *box) int {
		return cmp.Or(b.record.Created.Compare(a.record.Created), strings.Compare(a.id, b.id))
	})
	return boxes
}

// reserve takes a name for a container that is about to be made; an empty
// name asks for one.
func (d *Daemon) reserve(id, name string) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return "", conflict("the daemon is shutting down")
	}
	for retry := 0; name == ""; retry++ {
		if proposal := newName(retry); d.names[proposal] == "" {
			name = proposal
		}
	}
	name = strings.TrimPrefix(name, "/")
	if owner := d.names[name]; owner != "" {
		return "", conflict("Conflict. The container name %q is already in use by container %q. "+
			"You have to remove (or rename) that container to be able to reuse that name.", "/"+name, owner)
	}
	d.names[name] = id
	return name, nil
}

// release gives a name back if id still has it.
func (d *Daemon) release(id, name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names[name] == id {
		delete(d.names, name)
	}
}

func (d *Daemon) register(b *box) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.boxes[b.id] = b
	d.names[b.record.Name] = b.id
}

// forget makes a container unknown: its name is free from now on. Its tree is
// there until cleared.
func (d *Daemon) forget(b *box) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.boxes, b.id)
	d.going[b.id] = b
	if d.names[b.record.Name] == b.id {
		delete(d.names, b.record.Name)
	}
	for id, e := range d.execs {
		if e.box == b {
			delete(d.execs, id)
		}
	}
}

// Counts says how many containers there are.
func (d *Daemon) Counts() Counts {
	var c Counts
	for _, b := range d.all() {
		b.mu.Lock()
		s := b.status()
		b.mu.Unlock()
		c.All++
		switch s {
		case lifecycle.Running, lifecycle.Restarting:
			c.Running++
		case lifecycle.Paused:
			c.Paused++
		default:
			c.Stopped++
		}
	}
	return c
}

// cleared says that nothing of a forgotten container is left on disk.
func (d *Daemon) cleared(b *box) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.going, b.id)
	close(b.cleared.done)
}

// UsedBy lists the containers that stand on an image. It first waits for
// those that are on their way out, so that the image of a container that was
// just reported as removed can be removed too.
func (d *Daemon) UsedBy(imageID string) []string {
	d.mu.Lock()
	going := slices.Collect(maps.Values(d.going))
	d.mu.Unlock()
	for _, b := range going {
		if b.record.Image == imageID { // never changes
			<-b.cleared.done
		}
	}
	var ids []string
	for _, b := range d.all() {
		if b.record.Image == imageID {
			ids = append(ids, b.id)
		}
	}
	return ids
}
