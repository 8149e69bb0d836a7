package layer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"drydock/03-overlayfs/overlay"
)

// Below is the tree that layers make together, read without mounting it. It
// obeys the same rules as overlayfs: the upper name wins, directories merge,
// whiteouts and opaque directories end the search.
type Below struct{ roots []int }

// OpenBelow opens the directories of layers, top first; none is an empty
// tree. See open(2).
func OpenBelow(dirs []string) (*Below, error) {
	b := &Below{}
	for _, d := range dirs {
		fd, err := unix.Open(d, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			b.Close()
			return nil, fmt.Errorf("open layer %s: %w", d, err)
		}
		b.roots = append(b.roots, fd)
	}
	return b, nil
}

// Close closes the directories.
func (b *Below) Close() {
	for _, fd := range b.roots {
		unix.Close(fd)
	}
	b.roots = nil
}

// empty says that it is known that nothing lies below.
func (b *Below) empty() bool { return b != nil && len(b.roots) == 0 }

// A node is one name of the merged tree.
type node struct {
	fd   int // opened with O_PATH
	stat unix.Stat_t
}

func (n node) close() { unix.Close(n.fd) }

// find resolves name and does not follow it if it is a link itself. The
// error is ENOENT when there is no such name.
func (b *Below) find(name string) (node, error) {
	rest, done := strings.Split(name, "/"), ""
	for hops := 0; hops <= maxHops; {
		if len(rest) == 0 || name == "" {
			return b.literal(done)
		}
		part := rest[0]
		rest = rest[1:]
		next := path.Join("/", done, part)[1:] // ".." stops at the top
		if len(rest) == 0 {
			return b.literal(next)
		}
		n, err := b.literal(next)
		if err != nil {
			return node{}, err
		}
		done = next
		if n.stat.Mode&unix.S_IFMT == unix.S_IFLNK {
			target, err := readlink(n.fd, "")
			if err != nil {
				n.close()
				return node{}, err
			}
			hops++
			done, _ = split(next)
			if path.IsAbs(target) {
				done = ""
			}
			rest = append(strings.Split(target, "/"), rest...)
		}
		n.close()
	}
	return node{}, errHops
}

// literal finds a name whose directories are no links: in each directory of
// the way, the layers that still take part are looked into, top first.
func (b *Below) literal(name string) (node, error) {
	level, err := descend(b.roots, ".")
	for _, part := range strings.Split(name, "/") {
		if part == "" || err != nil {
			continue
		}
		var next []node
		next, err = descend(fds(level), part)
		closeAll(level)
		level = next
	}
	if err != nil {
		return node{}, err
	}
	closeAll(level[1:])
	return level[0], nil
}

func fds(nodes []node) []int {
	out := make([]int, len(nodes))
	for i, n := range nodes {
		out[i] = n.fd
	}
	return out
}

func closeAll(nodes []node) {
	for _, n := range nodes {
		n.close()
	}
}

// descend opens part in each of the directories, top first: the directories
// that merge under this name, or the one other thing that has it. See
// openat(2) on O_PATH.
func descend(dirs []int, part string) ([]node, error) {
	var found []node
	for _, dir := range dirs {
		n, err := look(dir, part)
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
			continue
		}
		if err != nil {
			closeAll(found)
			return nil, err
		}
		isDir := n.stat.Mode&unix.S_IFMT == unix.S_IFDIR
		if overlay.IsWhiteout(&n.stat) || !isDir && len(found) > 0 {
			n.close()
			break
		}
		found = append(found, n)
		if !isDir || isOpaque(n.fd) {
			break
		}
	}
	if len(found) == 0 {
		return nil, unix.ENOENT
	}
	return found, nil
}

// look opens one name of one directory. See openat(2), fstat(2).
func look(dir int, part string) (node, error) {
	fd, err := unix.Openat(dir, part, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return node{}, err
	}
	n := node{fd: fd}
	if err := unix.Fstat(fd, &n.stat); err != nil {
		n.close()
		return node{}, err
	}
	return n, nil
}

// isOpaque opens a directory anew: an O_PATH descriptor has no attributes.
// See openat(2).
func isOpaque(fd int) bool {
	d, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(d)
	forRoot, _ := overlay.IsOpaque(d, false)
	forUser, _ := overlay.IsOpaque(d, true)
	return forRoot || forUser
}

// names are the names of the root.
func (b *Below) names() ([]string, error) {
	var all []string
	for _, root := range b.roots {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/self/fd/%d", root))
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			all = append(all, e.Name())
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// copyUp brings a file up from below under its own name, as the kernel does
// when a hard link to it is made in a merged tree.
func (t *tree) copyUp(parent *dir, name string) error {
	if t.options.Below == nil {
		return unix.ENOENT
	}
	n, err := t.options.Below.find(name)
	if err != nil {
		return err
	}
	defer n.close()
	_, base := split(name)
	if n.stat.Mode&unix.S_IFMT == unix.S_IFREG {
		if err := t.spend(n.stat.Size); err != nil {
			return err
		}
		t.result.Size += n.stat.Size
	}
	parent.used = true
	return n.copyTo(parent.fd, base)
}

// copyTo makes a copy of a file or link, with owner, mode, attributes and
// times. See openat(2), symlinkat(2).
func (n node) copyTo(fd int, base string) error {
	times := []unix.Timespec{n.stat.Atim, n.stat.Mtim}
	switch n.stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		if err := n.copyFile(fd, base); err != nil {
			return err
		}
	case unix.S_IFLNK:
		target, err := readlink(n.fd, "")
		if err != nil {
			return err
		}
		if err := unix.Symlinkat(target, fd, base); err != nil {
			return err
		}
		if err := unix.Fchownat(fd, base, int(n.stat.Uid), int(n.stat.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return err
		}
	default:
		return errors.New("only files and links are copied from a layer below")
	}
	return unix.UtimesNanoAt(fd, base, times, unix.AT_SYMLINK_NOFOLLOW)
}

// copyFile copies a regular file. An O_PATH descriptor cannot be read, but
// /proc opens what it points at. See proc(5).
func (n node) copyFile(fd int, base string) error {
	in, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", n.fd))
	if err != nil {
		return err
	}
	defer in.Close()
	to, err := unix.Openat(fd, base, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	out := os.NewFile(uintptr(to), base)
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return n.dress(to)
}

// dress gives fd the owner, mode and attributes of n. See fchown(2),
// fchmod(2), fsetxattr(2).
func (n node) dress(fd int) error {
	if err := unix.Fchown(fd, int(n.stat.Uid), int(n.stat.Gid)); err != nil {
		return err
	}
	if err := unix.Fchmod(fd, n.stat.Mode&0o7777); err != nil {
		return err
	}
	attributes, err := readAttributes(fmt.Sprintf("/proc/self/fd/%d", n.fd))
	if err != nil {
		return err
	}
	for key, value := range attributes {
		err := unix.Fsetxattr(fd, key, []byte(value), 0)
		if err != nil && !errors.Is(err, unix.ENOTSUP) {
			return fmt.Errorf("set attribute %s: %w", key, err)
		}
	}
	return nil
}
