package snapshot

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// A record is what the store knows of one tree.
type record struct {
	ID        int `json:"-"`
	Name      string
	Parent    string `json:",omitempty"`
	Committed bool   `json:",omitempty"`
}

// inUserNamespace says whether we may not write trusted xattrs, see
// user_namespaces(7).
func inUserNamespace() bool {
	ids, err := os.ReadFile("/proc/self/uid_map")
	return os.Geteuid() != 0 || err == nil && string(ids) != "         0          0 4294967295\n"
}

func (s *Store) remember(r *record) {
	s.byName[r.Name] = r
	if r.Parent != "" {
		s.onTop[r.Parent]++
	}
}

func (s *Store) forget(r *record) {
	delete(s.byName, r.Name)
	if r.Parent == "" {
		return
	}
	if s.onTop[r.Parent]--; s.onTop[r.Parent] == 0 {
		delete(s.onTop, r.Parent)
	}
}

func (s *Store) path(id int, names ...string) string {
	return filepath.Join(append([]string{s.dir, strconv.Itoa(id)}, names...)...)
}

// attribute is the name of the extended attribute that holds a record. The
// user namespace decides: only root of the machine may write trusted ones,
// and only it can see them.
func (s *Store) attribute() string {
	if s.userXattr {
		return "user.drydock"
	}
	return "trusted.drydock"
}

// save writes the record of r. An attribute is replaced as a whole or not at
// all, costs no inode, and goes to the disk with the directories it speaks
// of: a journaling file system writes metadata in the order in which it was
// made. See setxattr(2).
func (s *Store) save(r *record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	err = unix.Lsetxattr(s.path(r.ID), s.attribute(), b, 0)
	if err == unix.ENOTSUP {
		err = errors.New("this file system has no extended attributes, which overlayfs needs as well")
	}
	if err != nil {
		return fmt.Errorf("set %s of %s: %w", s.attribute(), s.path(r.ID), err)
	}
	return nil
}

// unsave makes a tree one that the next Open sweeps. See removexattr(2).
func (s *Store) unsave(r *record) error {
	err := unix.Lremovexattr(s.path(r.ID), s.attribute())
	if err != nil && err != unix.ENODATA && err != unix.ENOENT {
		return fmt.Errorf("remove %s of %s: %w", s.attribute(), s.path(r.ID), err)
	}
	return nil
}

// load reads the record of a tree, and sweeps a tree that has none.
// See getxattr(2).
func (s *Store) load(id int) error {
	r := record{ID: id}
	b := make([]byte, 4096)
	n, err := unix.Lgetxattr(s.path(id), s.attribute(), b)
	switch {
	case err == unix.ENODATA:
		return os.RemoveAll(s.path(id))
	case err != nil:
		return fmt.Errorf("get %s of %s: %w", s.attribute(), s.path(id), err)
	}
	if err := json.Unmarshal(b[:n], &r); err != nil || r.Name == "" {
		return fmt.Errorf("%s of %s is %q: this is no record", s.attribute(), s.path(id), b[:n])
	}
	if twin := s.byName[r.Name]; twin != nil {
		return fmt.Errorf("%s and %s are both called %s", s.path(twin.ID), s.path(id), r.Name)
	}
	s.remember(&r)
	return nil
}
