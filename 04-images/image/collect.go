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
		defer s.mu.Unlock()
		for _, h := range all {
			if s.pins[h]--; s.pins[h] == 0 {
				delete(s.pins, h)
			}
		}
		s.collect(blobs, trees)
	}
}

// collect removes those blobs and trees (lowest first) that no image and no
// job needs, and returns the trees that went. s.mu is held. A tree on which a
// container still stands stays; snapshots refuse to remove it.
func (s *Store) collect(blobs, trees []v1.Hash) (gone []v1.Hash) {
	needed := s.needed()
	for _, h := range blobs {
		if !needed[h] {
			s.blobs.Remove(h) // an orphan that stays costs space, nothing else
		}
	}
	for _, h := range slices.Backward(trees) {
		if needed[h] || !s.snapshots.Has(h.String()) {
			continue
		}
		if s.snapshots.Remove(h.String()) != nil {
			break // what stands on it needs all below it as well
		}
		gone = append(gone, h)
	}
	return gone
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
