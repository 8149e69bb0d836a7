package tree

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Copy fills the directory at to with what the one at from holds: files,
// directories, symlinks, hard links among them, devices; with modes, owners,
// times and xattrs, those of the top directory too. A name that is there
// already is an error. See open(2).
func Copy(to, from string) error {
	fd, err := unix.Open(to, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", to, err)
	}
	root := os.NewFile(uintptr(fd), to)
	defer root.Close()
	c := copier{root: fd, links: map[[2]uint64]string{}}
	if err := Walk(from, c.entry); err != nil {
		return err
	}
	// From the deepest up: what is made in a directory changes its time, and
	// a mode may forbid to make any.
	for i := len(c.dirs) - 1; i >= 0; i-- {
		if err := c.settle(c.dirs[i]); err != nil {
			return err
		}
	}
	return nil
}

// A copier makes under root what it is shown. Names under root are ours
// alone, nobody changes them meanwhile.
type copier struct {
	root  int
	links map[[2]uint64]string // the first name of an inode with several
	dirs  []made
}

// made is an entry that still has to become like the one it was copied from.
type made struct {
	Entry
	xattrs []xattr
}

type xattr struct {
	name  string
	value []byte
}

// entry makes one entry. See mkdirat(2), symlinkat(2), linkat(2), mknodat(2).
func (c *copier) entry(e Entry) error {
	id := [2]uint64{e.Stat.Dev, e.Stat.Ino}
	if first, ok := c.links[id]; ok {
		return problem("link", e, unix.Linkat(c.root, first, c.root, e.Path, 0))
	}
	if e.Stat.Nlink > 1 && !e.IsDir() {
		c.links[id] = e.Path
	}
	xattrs, err := e.xattrs()
	if err != nil {
		return problem("read xattrs of", e, err)
	}
	switch e.Stat.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		c.dirs = append(c.dirs, made{e, xattrs})
		return c.directory(e)
	case unix.S_IFREG:
		err = c.file(e)
	case unix.S_IFLNK:
		err = c.symlink(e)
	default:
		err = unix.Mknodat(c.root, e.Path, e.Stat.Mode, int(e.Stat.Rdev))
	}
	if err != nil {
		return problem("copy", e, err)
	}
	return c.settle(made{e, xattrs})
}

// directory makes a directory that only we can use until it is settled.
// See mkdirat(2).
func (c *copier) directory(e Entry) error {
	if e.Path == "" {
		return nil
	}
	return problem("mkdir", e, unix.Mkdirat(c.root, e.Path, 0o700))
}

// file copies the content. The source is opened without following a symlink
// and without waiting for a fifo that may have taken its place. See openat(2)
// and copy_file_range(2).
func (c *copier) file(e Entry) error {
	fd, err := unix.Openat(e.Dir, e.Name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	in := os.NewFile(uintptr(fd), e.Path)
	defer in.Close()
	fd, err = unix.Openat(c.root, e.Path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	out := os.NewFile(uintptr(fd), e.Path)
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// symlink copies a symlink, not what it points to. See readlinkat(2).
func (c *copier) symlink(e Entry) error {
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(e.Dir, e.Name, target)
	if err != nil {
		return err
	}
	return unix.Symlinkat(string(target[:n]), c.root, e.Path)
}

// settle gives the copy owner, xattrs, mode and times, in this order: a new
// owner takes the set-user-id bit and the capabilities of a file away, and
// all of it moves the times. See chown(2), chmod(2) and utimensat(2).
func (c *copier) settle(e made) error {
	path := e.Path
	if path == "" {
		path = "."
	}
	if err := unix.Fchownat(c.root, path, int(e.Stat.Uid), int(e.Stat.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return problem("chown", e.Entry, err)
	}
	for _, x := range e.xattrs {
		to := fmt.Sprintf("/proc/self/fd/%d/%s", c.root, path)
		if err := unix.Lsetxattr(to, x.name, x.value, 0); err != nil && err != unix.ENOTSUP {
			return problem("set "+x.name+" of", e.Entry, err)
		}
	}
	if e.Stat.Mode&unix.S_IFMT != unix.S_IFLNK {
		if err := unix.Fchmodat(c.root, path, e.Stat.Mode&0o7777, 0); err != nil {
			return problem("chmod", e.Entry, err)
		}
	}
	times := []unix.Timespec{e.Stat.Atim, e.Stat.Mtim}
	return problem("set times of", e.Entry, unix.UtimesNanoAt(c.root, path, times, unix.AT_SYMLINK_NOFOLLOW))
}

// xattrs are the extended attributes but for those of overlayfs, which speak
// of a place in a stack that a copy does not have. The calls that take a
// descriptor and a name are new, so the descriptor stands in the path.
// See listxattr(2) and getxattr(2).
func (e Entry) xattrs() ([]xattr, error) {
	path := fmt.Sprintf("/proc/self/fd/%d/%s", e.Dir, e.Name)
	names := make([]byte, 65536)
	n, err := unix.Llistxattr(path, names)
	if err == unix.ENOTSUP {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []xattr
	for name := range strings.SplitSeq(string(names[:n]), "\x00") {
		if name == "" || strings.HasPrefix(name, "trusted.overlay.") || strings.HasPrefix(name, "user.overlay.") {
			continue
		}
		value := make([]byte, 65536)
		size, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, xattr{name, value[:size]})
	}
	return all, nil
}

func problem(did string, e Entry, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", did, e.Path, err)
}
