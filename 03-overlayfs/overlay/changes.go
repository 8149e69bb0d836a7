package overlay

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// A Kind says what happened to a path, in the letters of docker diff.
type Kind byte

// The kinds of changes.
const (
	Added    Kind = 'A'
	Modified Kind = 'C'
	Deleted  Kind = 'D'
)

// A Change is one path that is not as it was below.
type Change struct {
	Kind Kind
	Path string // absolute, as seen in the merged tree
}

// Changes compares what is written in upper with the lower directories, the
// top one first. See (Layers).Changes.
func Changes(upper string, lower ...string) iter.Seq2[Change, error] {
	return Layers{Upper: upper, Lower: lower}.Changes()
}

// Changes yields what Upper changes of Lower: parents before what is in them,
// names in order. A directory counts as modified if something in it is, or if
// its own mode, owner or time differ. An error ends the sequence.
//
// The container may be running, and rename what is being read: Upper is
// walked by descriptors that never follow a symlink, so nothing outside of it
// is ever looked at. See openat(2).
func (l Layers) Changes() iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		fd, err := unix.Open(l.Upper, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			yield(Change{}, fmt.Errorf("open %s: %w", l.Upper, err))
			return
		}
		root := os.NewFile(uintptr(fd), l.Upper)
		defer root.Close()
		w := walker{userXattr: l.UserXattr, yield: yield}
		if err := w.directory(root, "/", below{dirs: l.Lower}); err != nil && err != errStopped {
			yield(Change{}, fmt.Errorf("changes in %s: %w", l.Upper, err))
		}
	}
}

// errStopped is how a walk ends when nobody wants to hear more of it.
var errStopped = errors.New("stopped")

// A walker compares one upper tree with what is below it.
type walker struct {
	userXattr bool
	yield     func(Change, error) bool
	parents   []string // directories that are only told of if something in them is
}

// tell yields one change, and before it the directories that lead to it.
func (w *walker) tell(kind Kind, path string) error {
	for _, dir := range w.parents {
		if !w.yield(Change{Modified, dir}, nil) {
			return errStopped
		}
	}
	w.parents = w.parents[:0]
	if !w.yield(Change{kind, path}, nil) {
		return errStopped
	}
	return nil
}

// directory compares an upper directory with the directories below it.
func (w *walker) directory(dir *os.File, path string, under below) error {
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	opaque, err := IsOpaque(int(dir.Fd()), w.userXattr)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	above := make(map[string]bool, len(names))
	for _, name := range names {
		above[name] = true
	}
	if opaque {
		hidden, err := under.names(w.userXattr)
		if err != nil {
			return err
		}
		names = append(names, hidden...)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		child := filepath.Join(path, name)
		if !above[name] {
			err = w.tell(Deleted, child)
		} else {
			err = w.entry(dir, name, child, under)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entry compares one name of an upper directory. See fstatat(2).
func (w *walker) entry(dir *os.File, name, path string, under below) error {
	var st unix.Stat_t
	err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		return nil // it went while we looked
	}
	if err != nil {
		return fmt.Errorf("stat %s: %w", path, err)
	}
	old, err := under.child(name, w.userXattr)
	if err != nil {
		return err
	}
	switch {
	case IsWhiteout(&st) && !old.exists:
		return nil
	case IsWhiteout(&st):
		return w.tell(Deleted, path)
	case st.Mode&unix.S_IFMT == unix.S_IFDIR:
		return w.subdirectory(dir, name, path, old, &st)
	case old.exists:
		return w.tell(Modified, path)
	}
	return w.tell(Added, path)
}

// subdirectory tells of a directory and goes into it. See openat(2).
func (w *walker) subdirectory(dir *os.File, name, path string, old below, st *unix.Stat_t) error {
	held := len(w.parents)
	switch {
	case !old.exists:
		if err := w.tell(Added, path); err != nil {
			return err
		}
	case len(old.dirs) > 0 && same(&old.stat, st):
		w.parents = append(w.parents, path)
	default:
		if err := w.tell(Modified, path); err != nil {
			return err
		}
	}
	fd, err := unix.Openat(int(dir.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT || err == unix.ENOTDIR || err == unix.ELOOP {
		return nil // it went while we looked
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	sub := os.NewFile(uintptr(fd), path)
	defer sub.Close()
	err = w.directory(sub, path, old)
	if len(w.parents) > held {
		w.parents = w.parents[:held]
	}
	return err
}

// same says whether a directory is as it was. It was copied up with its
// times, and adding or removing a name changes one of them. See inode(7).
func same(a, b *unix.Stat_t) bool {
	return a.Mode == b.Mode && a.Uid == b.Uid && a.Gid == b.Gid && a.Mtim == b.Mtim
}

// below is what the lower directories together show of one path.
type below struct {
	exists bool
	stat   unix.Stat_t // of the topmost
	dirs   []string    // the directories that are merged, the top one first
}

// child looks a name up as the kernel does: from the top down, until a
// whiteout, a file or an opaque directory hides the rest. Lower directories
// do not change, and none of b.dirs has a symlink in it that was not there
// before we were: each was looked at before it was gone into. See lstat(2).
func (b below) child(name string, userXattr bool) (below, error) {
	var c below
	for _, dir := range b.dirs {
		path := filepath.Join(dir, name)
		var st unix.Stat_t
		err := unix.Lstat(path, &st)
		if err == unix.ENOENT {
			continue
		}
		if err != nil {
			return c, fmt.Errorf("stat %s: %w", path, err)
		}
		if IsWhiteout(&st) {
			return c, nil
		}
		isDir := st.Mode&unix.S_IFMT == unix.S_IFDIR
		if !c.exists {
			c.exists, c.stat = true, st
		}
		if !isDir {
			return c, nil
		}
		c.dirs = append(c.dirs, path)
		if opaque, err := opaqueAt(path, userXattr); opaque || err != nil {
			return c, err
		}
	}
	return c, nil
}

// opaqueAt is IsOpaque by name. See open(2).
func opaqueAt(path string, userXattr bool) (bool, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	return IsOpaque(fd, userXattr)
}

// names are what the merged lower directories list.
func (b below) names(userXattr bool) ([]string, error) {
	var names []string
	for _, dir := range b.dirs {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			c, err := b.child(e.Name(), userXattr)
			if err != nil {
				return nil, err
			}
			if c.exists {
				names = append(names, e.Name())
			}
		}
	}
	return names, nil
}
