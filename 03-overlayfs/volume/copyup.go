package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

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
	if err := s.empty(v); errors.Is(err, fs.ErrExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("fill volume %s: %w", name, err)
	}
	mark := s.path(name, "filling")
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		return fmt.Errorf("fill volume %s: %w", name, err)
	}
	if err := tree.Copy(v.Path, from); err != nil {
		return errors.Join(fmt.Errorf("fill volume %s from %s: %w", name, from, err), s.empty(v))
	}
	return os.Remove(mark)
}

// empty says whether nothing is in v, by fs.ErrExist if there is. What a copy
// that was broken off has left goes first.
func (s *Store) empty(v Volume) error {
	entries, err := os.ReadDir(v.Path)
	if err != nil || len(entries) == 0 {
		return err
	}
	mark := s.path(v.Name, "filling")
	if _, err := os.Lstat(mark); err != nil {
		return fs.ErrExist
	}
	for _, e := range entries {
		if err := os.RemoveAll(v.Path + "/" + e.Name()); err != nil {
			return err
		}
	}
	return os.Remove(mark)
}
