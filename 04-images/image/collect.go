package image

import (
	"maps"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// pin keeps blobs and trees from being collected until release is called,
// which then collects those that no image came to use.
func (s *Store) pin(blobs, trees []v1.Hash) (release func()) {
	all := slices.Concat(blobs, trees)
	s.mu.Lock()
	for _, h := range all {
		s.pins[h]++
	}
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		for _, h := range all {
			if s.pins[h]--; s.pins[h] == 0 {
				delete(s.pins, h)
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
		if !needed[h] {
			s.blobs.Remove(h) // an orphan that stays costs space, nothing else
		}
	}
	var free []v1.Hash
	for _, h := range slices.Backward(trees) {
		if !needed[h] && s.busy[h] == nil && s.snapshots.Has(h.String()) {
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

// needed is everything that images and jobs use. s.mu is held.
func (s *Store) needed() map[v1.Hash]bool {
	needed := map[v1.Hash]bool{}
	for h := range maps.Keys(s.pins) {
		needed[h] = true
	}
	for _, r := range s.index.images {
		blobs, trees := r.everything()
		for _, h := range slices.Concat(blobs, trees) {
			needed[h] = true
		}
	}
	return needed
}
