package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"drydock/03-overlayfs/internal/tree"
)

// CopyUp fills an empty volume with the tree at from, which the image has
// where the volume will be mounted. Only the first time: a volume with
// something in it is left alone, and so is one that only points elsewhere.
// The directory of the volume itself takes mode and owner of from.
func (s *Store) CopyUp(name, from string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.get(name)
	if err != nil {
		return err
	}
	if len(v.Options) > 0 {
		return nil
	}
	if full, err := s.full(v); full || err != nil {
		return err
	}
	mark := s.path(name, "filling")
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		return fmt.Errorf("fill volume %s: %w", name, err)
	}
	if err := tree.Copy(v.Path, from); err != nil {
		return errors.Join(fmt.Errorf("fill volume %s from %s: %w", name, from, err), s.clear(v))
	}
	return os.Remove(mark)
}

// full says whether something is in v. What a copy that was broken off has
// left does not count and goes first.
func (s *Store) full(v Volume) (bool, error) {
	if _, err := os.Lstat(s.path(v.Name, "filling")); err == nil {
		return false, s.clear(v)
	}
	entries, err := os.ReadDir(v.Path)
	if err != nil {
		return false, fmt.Errorf("volume %s: %w", v.Name, err)
	}
	return len(entries) > 0, nil
}

// clear removes what is in v, and last the mark that it may be removed.
func (s *Store) clear(v Volume) error {
	entries, err := os.ReadDir(v.Path)
	if err != nil {
		return fmt.Errorf("volume %s: %w", v.Name, err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(v.Path, e.Name())); err != nil {
			return fmt.Errorf("volume %s: %w", v.Name, err)
		}
	}
	return os.Remove(s.path(v.Name, "filling"))
}
