// Package snapshot keeps many trees that share what they have in common.
//
// A tree is prepared on top of another one, filled, and then either thrown
// away or committed under a name, so that more trees can stand on it:
//
//	Prepare("web", "")   ─ fill ─ Commit("sha256:a", "web")
//	Prepare("app", "sha256:a") ─ fill ─ Commit("sha256:b", "app")
//	Prepare("container-1", "sha256:b") ── Mount ── written to while it runs
//
// Each tree is a directory with a short number, for the sake of the one page
// that mount(2) reads:
//
//	DIR/7        its record, what it is called and what it stands on, is an
//	             extended attribute of this directory; written last
//	DIR/7/fs     what the tree itself has written (an overlay's upper)
//	DIR/7/work   the kernel's workbench, once it was mounted for writing
//
// A number without a record was left half-made by a crash, and Open removes
// it. Nothing is mounted here: Mount says how, and whoever runs the container
// does it inside the container's own mount namespace.
package snapshot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/undo"
	"drydock/03-overlayfs/internal/tree"
	"drydock/03-overlayfs/overlay"
)

// A Store is a directory of snapshots. Committed ones are read-only and have
// a name (a chain ID), active ones have a key and a writable upper directory.
// It is safe for concurrent use.
type Store struct {
	dir       string
	userXattr bool

	mu     sync.Mutex // guards what follows
	byName map[string]*record
	onTop  map[string]int // how many stand on a name
	next   int
}

// notFound reads as a sentence and is fs.ErrNotExist to errors.Is.
type notFound string

func (e notFound) Error() string        { return string(e) }
func (e notFound) Is(target error) bool { return target == fs.ErrNotExist }

// exists reads as a sentence and is fs.ErrExist to errors.Is.
type exists string

func (e exists) Error() string        { return string(e) }
func (e exists) Is(target error) bool { return target == fs.ErrExist }

// Open reads the store in dir, or makes an empty one.
func Open(dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	// Others may pass through (root of a user namespace does) but not look.
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, err
	}
	s := &Store{dir: dir, userXattr: inUserNamespace(), byName: map[string]*record{}, onTop: map[string]int{}, next: 1}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		id, err := strconv.Atoi(e.Name())
		if err != nil || id <= 0 {
			continue // not ours
		}
		s.next = max(s.next, id+1)
		if err := s.load(id); err != nil {
			return nil, fmt.Errorf("snapshots in %s: %w", dir, err)
		}
	}
	return s, nil
}

// Prepare makes an active snapshot on top of the parent ("" is an empty
// tree). Nothing is mounted. The parent need not be committed yet, or be
// there at all: layers are laid out side by side. Mount and Commit ask for it.
func (s *Store) Prepare(key, parent string) error {
	if key == "" {
		return errors.New("a snapshot needs a key")
	}
	s.mu.Lock()
	if s.byName[key] != nil {
		s.mu.Unlock()
		return exists(fmt.Sprintf("snapshot %s already exists", key))
	}
	r := &record{ID: s.next, Name: key, Parent: parent}
	s.next++
	s.remember(r)
	like, ok := s.byName[parent]
	s.mu.Unlock()
	if !ok || !like.Committed {
		like = nil
	}
	err := s.create(r, like)
	if err != nil {
		s.mu.Lock()
		s.forget(r)
		s.mu.Unlock()
		return fmt.Errorf("prepare snapshot %s: %w", key, err)
	}
	return nil
}

// create makes the directories of r, and last its record. The top directory
// of an overlay shows mode and owner of the upper one, so it is made like
// that of the parent. See mkdir(2) and chmod(2).
func (s *Store) create(r, like *record) (err error) {
	var back undo.Stack
	defer back.If(&err)
	if err := unix.Mkdir(s.path(r.ID), 0o711); err != nil {
		return fmt.Errorf("mkdir %s: %w", s.path(r.ID), err)
	}
	back.Push(func() { os.RemoveAll(s.path(r.ID)) })
	top := unix.Stat_t{Mode: 0o755, Uid: uint32(os.Geteuid()), Gid: uint32(os.Getegid())}
	if like != nil {
		if err := unix.Stat(s.path(like.ID, "fs"), &top); err != nil {
			return fmt.Errorf("stat %s: %w", s.path(like.ID, "fs"), err)
		}
	}
	upper := s.path(r.ID, "fs")
	if err := unix.Mkdir(upper, 0o700); err != nil {
		return fmt.Errorf("mkdir %s: %w", upper, err)
	}
	if err := unix.Lchown(upper, int(top.Uid), int(top.Gid)); err != nil {
		return fmt.Errorf("chown %s: %w", upper, err)
	}
	if err := unix.Chmod(upper, top.Mode&0o7777); err != nil {
		return fmt.Errorf("chmod %s: %w", upper, err)
	}
	return s.save(r)
}

// Mount says how to mount key: an overlay, or a bind mount of its only
// directory. Target is empty. A committed name is mounted read-only.
//
// Who will throw the tree away after a power cut anyhow may add the option
// "volatile", and save the container its fsyncs and the machine the flush at
// unmount. The same tree can then not be mounted a second time.
// See mkdir(2).
func (s *Store) Mount(key string) (mount.Mount, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, lower, err := s.stack(key)
	if err != nil {
		return mount.Mount{}, err
	}
	l := overlay.Layers{Lower: lower, Base: s.dir, UserXattr: s.userXattr}
	if !r.Committed {
		l.Upper, l.Work = s.path(r.ID, "fs"), s.path(r.ID, "work")
	}
	if !r.Committed && len(lower) > 0 {
		// Made here, since most trees are layers that are never mounted.
		if err := unix.Mkdir(l.Work, 0o700); err != nil && err != unix.EEXIST {
			return mount.Mount{}, fmt.Errorf("mkdir %s: %w", l.Work, err)
		}
	}
	m, err := l.Mount()
	if err != nil {
		return mount.Mount{}, fmt.Errorf("snapshot %s: %w", key, err)
	}
	return m, nil
}

// stack finds a record and the directories that its tree is read from: with
// its own if it is committed. The caller holds mu.
func (s *Store) stack(name string) (r *record, lower []string, err error) {
	r = s.byName[name]
	if r == nil {
		return nil, nil, notFound(fmt.Sprintf("no snapshot %s", name))
	}
	if r.Committed {
		lower = append(lower, s.path(r.ID, "fs"))
	}
	for parent := r.Parent; parent != ""; {
		p := s.byName[parent]
		if p == nil || !p.Committed {
			return nil, nil, notFound(fmt.Sprintf("snapshot %s stands on %s, which is not committed", name, parent))
		}
		lower = append(lower, s.path(p.ID, "fs"))
		parent = p.Parent
	}
	return r, lower, nil
}

// Upper is the directory that holds what key has written itself.
func (s *Store) Upper(key string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.byName[key]
	if r == nil {
		return "", notFound(fmt.Sprintf("no snapshot %s", key))
	}
	return s.path(r.ID, "fs"), nil
}

// Layers are the directories of a committed name, or of an active key below
// its upper, top first.
func (s *Store) Layers(name string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, lower, err := s.stack(name)
	return lower, err
}

// Commit turns the active key into the committed name; parent is what it was
// prepared on and must be committed. Nobody may have it mounted any more. If
// name is committed already, that is fs.ErrExist and the key stays.
func (s *Store) Commit(name, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, _, err := s.stack(key)
	switch {
	case err != nil:
		return fmt.Errorf("commit: %w", err)
	case r.Committed:
		return fmt.Errorf("commit: snapshot %s is committed already", key)
	case name == "":
		return fmt.Errorf("commit of snapshot %s needs a name", key)
	case name != key && s.byName[name] != nil:
		return exists(fmt.Sprintf("snapshot %s already exists", name))
	}
	done := &record{ID: r.ID, Name: name, Parent: r.Parent, Committed: true}
	if err := s.save(done); err != nil {
		return fmt.Errorf("commit snapshot %s: %w", key, err)
	}
	s.forget(r)
	s.remember(done)
	os.RemoveAll(s.path(r.ID, "work"))
	return nil
}

// Sync returns when everything that was committed so far would survive a
// power cut. It flushes the whole file system once, which is much less than a
// flush for each file; call it before something durable names a snapshot.
// See syncfs(2).
func (s *Store) Sync() error {
	dir, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Syncfs(int(dir.Fd())); err != nil {
		return fmt.Errorf("syncfs %s: %w", s.dir, err)
	}
	return nil
}

// Has says whether name is committed.
func (s *Store) Has(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.byName[name]
	return r != nil && r.Committed
}

// Names lists what there is, committed names or active keys, in no order.
func (s *Store) Names(committed bool) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name, r := range s.byName {
		if r.Committed == committed {
			names = append(names, name)
		}
	}
	return names
}

// Remove deletes a key or a name that nothing stands on; missing is fine.
func (s *Store) Remove(name string) error {
	s.mu.Lock()
	r := s.byName[name]
	if r == nil {
		s.mu.Unlock()
		return nil
	}
	if n := s.onTop[name]; n > 0 && r.Committed {
		s.mu.Unlock()
		return fmt.Errorf("remove snapshot %s: %d others stand on it", name, n)
	}
	err := s.unsave(r)
	if err == nil {
		s.forget(r)
	}
	s.mu.Unlock()
	if err == nil {
		// Without its record it is already gone: should we be killed now, the
		// next Open sweeps the rest.
		err = os.RemoveAll(s.path(r.ID))
	}
	if err != nil {
		return fmt.Errorf("remove snapshot %s: %w", name, err)
	}
	return nil
}

// Usage is what a key or name takes on disk by itself, in bytes.
func (s *Store) Usage(name string) (int64, error) {
	dir, err := s.Upper(name)
	if err != nil {
		return 0, err
	}
	return tree.Usage(dir)
}
