// Package tree walks directories that somebody may change meanwhile, without
// ever following a symlink out of them.
package tree

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// An Entry is one name of a directory.
type Entry struct {
	Dir  int    // descriptor of the directory that it is in
	Name string // in that directory
	Path string // from the top, "" for the top itself
	Stat unix.Stat_t
}

// IsDir says whether it is a directory.
func (e Entry) IsDir() bool { return e.Stat.Mode&unix.S_IFMT == unix.S_IFDIR }

// Walk visits the directory at path and everything in it, parents first. What
// goes away meanwhile is left out. See openat(2) and fstatat(2).
func Walk(path string, visit func(Entry) error) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	top := os.NewFile(uintptr(fd), path)
	defer top.Close()
	e := Entry{Dir: fd, Name: "."}
	if err := unix.Fstat(fd, &e.Stat); err != nil {
		return fmt.Errorf("stat %s: %w", path, err)
	}
	if err := visit(e); err != nil {
		return err
	}
	return walk(top, "", visit)
}

// walk visits what is in dir. See fstatat(2).
func walk(dir *os.File, path string, visit func(Entry) error) error {
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		e := Entry{Dir: int(dir.Fd()), Name: name, Path: filepath.Join(path, name)}
		err := unix.Fstatat(e.Dir, name, &e.Stat, unix.AT_SYMLINK_NOFOLLOW)
		if err == unix.ENOENT {
			continue
		}
		if err != nil {
			return fmt.Errorf("stat %s: %w", e.Path, err)
		}
		if err := visit(e); err != nil {
			return err
		}
		if e.IsDir() {
			if err := into(e, visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// into walks the directory e. See openat(2).
func into(e Entry, visit func(Entry) error) error {
	fd, err := unix.Openat(e.Dir, e.Name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT || err == unix.ENOTDIR || err == unix.ELOOP {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", e.Path, err)
	}
	dir := os.NewFile(uintptr(fd), e.Path)
	defer dir.Close()
	return walk(dir, e.Path, visit)
}

// Usage is what the tree at path takes on disk, in bytes, as du(1) counts:
// blocks, and a file with many names once.
func Usage(path string) (int64, error) {
	type inode struct{ dev, ino uint64 }
	seen := map[inode]bool{}
	var total int64
	err := Walk(path, func(e Entry) error {
		id := inode{e.Stat.Dev, e.Stat.Ino}
		if e.Stat.Nlink > 1 && !e.IsDir() {
			if seen[id] {
				return nil
			}
			seen[id] = true
		}
		total += e.Stat.Blocks * 512
		return nil
	})
	return total, err
}
