package image

import (
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// pin keeps blobs and trees from being collected until release is called,
// which then collects those that no image came to use.
func (s *Store) pin(blobs, trees []v1.Hash) (release func()) {
	all := claims(blobs, trees)
	s.mu.Lock()
	for _, c := range all {
		s.pins[c]++
	}
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		for _, c := range all {
			if s.pins[c]--; s.pins[c] == 0 {
				delete(s.pins, c)
			}
		}
		s.mu.Unlock()
		s.collect(blobs, trees)
	}
}

// collect removes those blobs and trees (lowest first) that no image and no
// job needs, and returns the trees that went. A tree on which a container
// still stands stays, with all below it; snapshots refuse to remove it.
//
// A tree may hold many files, so it is removed without the lock; until then
// it counts as in the making, and whoever wants it waits to make it anew.
func (s *Store) collect(blobs, trees []v1.Hash) (gone []v1.Hash) {
	s.mu.Lock()
	needed := s.needed()
	for _, h := range blobs {
		if !needed[claim{h, false}] {
			s.blobs.Remove(h) // an orphan that stays costs space, nothing else
		}
	}
	var free []v1.Hash
	for _, h := range slices.Backward(trees) {
		if !needed[claim{h, true}] && s.busy[h] == nil && s.snapshots.Has(h.String()) {
			s.busy[h] = make(chan struct{})
			free = append(free, h)
		}
	}
	s.mu.Unlock()
	for _, h := range free {
		if s.snapshots.Remove(h.String()) == nil {
			gone = append(gone, h)
		}
		s.leave(h)
	}
	return gone
}

// leave says that a tree is no longer in the making.
func (s *Store) leave(chain v1.Hash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.busy[chain])
	delete(s.busy, chain)
}

// A claim is what images and jobs need: a blob or a tree. They are told apart
// because both may have one name: the lowest tree of an image is called after
// its layer's bytes, which are the blob if the layer is not compressed.
type claim struct {
	v1.Hash
	tree bool
}

func claims(blobs, trees []v1.Hash) []claim {
	all := make([]claim, 0, len(blobs)+len(trees))
	for _, h := range blobs {
		all = append(all, claim{h, false})
	}
	for _, h := range trees {
		all = append(all, claim{h, true})
	}
	return all
}

// needed is everything that images and jobs use. s.mu is held.
func (s *Store) needed() map[claim]bool {
	needed := map[claim]bool{}
	for c := range s.pins {
		needed[c] = true
	}
	for _, r := range s.index.images {
		for _, c := range claims(r.everything()) {
			needed[c] = true
		}
	}
	return needed
}
