package image

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A Removal is one line of `docker rmi`.
type Removal struct{ Untagged, Deleted string }

// A Use is a container that was made from an image.
type Use struct {
	Container string // its id
	Running   bool
}

// Remove takes a name away, and the image with its last name. used tells the
// containers that use an image id (nil: none); force ignores stopped ones. A
// refusal is Docker's sentence and fs.ErrExist.
func (s *Store) Remove(ref string, force bool, used func(id string) []Use) ([]Removal, error) {
	for {
		img, err := s.Get(ref)
		if err != nil {
			return nil, err
		}
		r := &removal{id: img.ID, force: force}
		if used != nil { // asked without the lock: it may need others
			r.users = used(img.ID.String())
		}
		lines, err := s.perform(r, ref)
		if !errors.Is(err, errMoved) {
			return lines, err
		}
	}
}

// errMoved says that a name has come to mean another image meanwhile.
var errMoved = errors.New("the name has moved")

// perform does what Remove has prepared.
func (s *Store) perform(r *removal, ref string) ([]Removal, error) {
	var gone *record
	err := s.update(func(next index) error {
		id, err := next.find(ref)
		if err != nil {
			return err
		}
		if id != r.id {
			return errMoved
		}
		was := next.images[id]
		r.next = next
		if err := r.remove(ref); err != nil {
			return err
		}
		if _, ok := next.images[id]; !ok {
			gone = was
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if gone == nil {
		return r.lines, nil
	}
	return append(r.lines, s.delete(gone)...), nil
}

// delete collects what the image leaves behind and names it.
func (s *Store) delete(r *record) []Removal {
	lines := []Removal{{Deleted: r.id.String()}}
	for _, h := range s.collect(r.everything()) {
		lines = append(lines, Removal{Deleted: h.String()})
	}
	return lines
}

// A removal decides what may go, on a clone of the index.
type removal struct {
	next  index
	id    v1.Hash
	force bool
	users []Use
	lines []Removal
}

// remove follows Docker: a name takes the image along only if it was the
// last; an id takes all names along if they belong to one repository.
func (r *removal) remove(ref string) error {
	name, byName := r.nameOf(ref)
	if !byName {
		if err := r.mayDelete(!r.single()); err != nil {
			return err
		}
		r.drop()
		return nil
	}
	if r.single() && len(r.users) > 0 && !r.force {
		return conflict(fmt.Sprintf("conflict: unable to remove repository reference %q (must force) - container %s is using its referenced image %s",
			ref, shorten(r.users[0].Container), short(r.id)))
	}
	r.untag(name)
	r.untagDigests(repository(name))
	if len(r.next.namesOf(r.id)) > 0 {
		return nil
	}
	if r.mayDelete(false) != nil {
		return nil // it loses its name and lives on, for its containers
	}
	r.drop()
	return nil
}

// nameOf tells a name from an id: the image was found by a name when it has
// the one that ref means.
func (r *removal) nameOf(ref string) (string, bool) {
	name, err := normal(ref)
	if err != nil {
		return "", false
	}
	id, ok := r.next.names[name]
	return name, ok && id == r.id && !strings.HasPrefix(r.id.String(), ref)
}

// single says whether all names are of one repository, with one tag.
func (r *removal) single() bool {
	tags, repos := 0, map[string]bool{}
	names := r.next.namesOf(r.id)
	for _, name := range names {
		repos[repository(name)] = true
		if !isDigest(name) {
			tags++
		}
	}
	return len(names) <= 1 || len(repos) == 1 && tags <= 1
}

// mayDelete is nil or Docker's refusal.
func (r *removal) mayDelete(severalNames bool) error {
	for _, u := range r.users {
		if u.Running {
			return r.refuse("cannot be forced", "image is being used by running container "+shorten(u.Container))
		}
	}
	if r.force {
		return nil
	}
	if severalNames {
		return r.refuse("must be forced", "image is referenced in multiple repositories")
	}
	if len(r.users) > 0 {
		return r.refuse("must be forced", "image is being used by stopped container "+shorten(r.users[0].Container))
	}
	return nil
}

func (r *removal) refuse(how, why string) error {
	return conflict(fmt.Sprintf("conflict: unable to delete %s (%s) - %s", short(r.id), how, why))
}

// untag takes one name away.
func (r *removal) untag(name string) {
	delete(r.next.names, name)
	r.lines = append(r.lines, Removal{Untagged: familiar(name)})
}

// untagDigests takes the digests of a repository away when no tag of it is
// left: nobody typed them, so nobody will remove them.
func (r *removal) untagDigests(repo string) {
	names := r.next.namesOf(r.id)
	for _, name := range names {
		if repository(name) == repo && !isDigest(name) {
			return
		}
	}
	for _, name := range names {
		if repository(name) == repo {
			r.untag(name)
		}
	}
}

// drop forgets the image with all its names.
func (r *removal) drop() {
	for _, name := range r.next.namesOf(r.id) {
		r.untag(name)
	}
	delete(r.next.images, r.id)
}

func shorten(container string) string { return container[:min(12, len(container))] }

// Prune removes every image for which drop says yes, its names included, and
// blobs that no image names. It answers the lines and how many bytes of
// unpacked layers went. An image that is named meanwhile stays.
func (s *Store) Prune(drop func(*Image) bool) ([]Removal, int64, error) {
	s.mu.Lock()
	now := s.index
	s.mu.Unlock()
	var doomed []v1.Hash
	for id := range now.images {
		if drop(s.image(now, id)) {
			doomed = append(doomed, id)
		}
	}
	var lines []Removal
	err := s.update(func(next index) error {
		for _, id := range doomed {
			if next.images[id] == nil || !slices.Equal(next.namesOf(id), now.namesOf(id)) {
				continue
			}
			r := removal{next: next, id: id}
			r.drop()
			lines = append(lines, r.lines...)
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	var freed int64
	for _, id := range doomed {
		if _, err := s.Get(id.String()); err == nil {
			continue
		}
		removed := s.delete(now.images[id])
		lines = append(lines, removed...)
		freed += now.images[id].freed(removed)
	}
	return lines, freed, s.sweep()
}

// freed adds up the layers of r that went.
func (r *record) freed(lines []Removal) (n int64) {
	for _, line := range lines {
		for i, chain := range r.chains {
			if line.Deleted == chain.String() {
				n += r.sizes[i]
			}
		}
	}
	return n
}

// sweep removes blobs and trees that no image has (any more): what a crash
// left, and trees that outlived their image under a container.
func (s *Store) sweep() error {
	var blobs []v1.Hash
	for h, err := range s.blobs.All() {
		if err != nil {
			return err
		}
		blobs = append(blobs, h)
	}
	s.collect(blobs, nil)
	for {
		var trees []v1.Hash
		for _, name := range s.snapshots.Names(true) {
			if h, err := v1.NewHash(name); err == nil {
				trees = append(trees, h)
			}
		}
		if len(s.collect(nil, trees)) == 0 {
			return nil // a parent can go when its children are gone, so try again
		}
	}
}
