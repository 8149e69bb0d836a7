package builder

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// A tree is a directory that is "/" for every name in it: neither ".." nor a
// link leads out. The zero tree is empty.
type tree struct{ root *os.File }

// view is the tree of a chain of layers.
func (s *stage) view(chain string) (tree, error) {
	if chain == "" {
		return tree{}, nil
	}
	root, err := s.Snapshots.View(chain)
	return tree{root}, err
}

func (t tree) close() {
	if t.root != nil {
		t.root.Close()
	}
}

// at opens name as if the tree were the whole system. See openat2(2).
func (t tree) at(name string, flags uint64) (int, error) {
	if t.root == nil {
		return -1, unix.ENOENT
	}
	if name == "" {
		name = "."
	}
	for {
		fd, err := unix.Openat2(int(t.root.Fd()), name, &unix.OpenHow{
			Flags:   flags | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
		})
		// EAGAIN: something was renamed on the way, and the kernel cannot tell
		// whether ".." left the root.
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// stat looks at a name without following it. See fstat(2).
func (t tree) stat(name string) (unix.Stat_t, error) {
	var st unix.Stat_t
	fd, err := t.at(name, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return st, err
	}
	defer unix.Close(fd)
	return st, unix.Fstat(fd, &st)
}

// open opens a regular file to read it. Anything else could block, or is no
// text. See open(2).
func (t tree) open(name string) (*os.File, error) {
	fd, err := t.at(name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a file", name)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// dir opens a directory, below which names are then looked up one by one.
func (t tree) dir(name string) (*os.Root, error) {
	fd, err := t.at(name, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, fmt.Errorf("open directory %s: %w", name, err)
	}
	defer unix.Close(fd)
	return os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", fd))
}

// maxHops is how many links a name may lead through, as in the kernel.
const maxHops = 40

// A place is where a name really is.
type place struct {
	name  string // without links: "run/lock" for /var/run/lock
	there bool
	stat  unix.Stat_t // when it is there
}

func (p place) is(kind uint32) bool { return p.there && p.stat.Mode&unix.S_IFMT == kind }

// resolve follows all links of a name, the last included. What is missing
// stays as it is written: somebody is about to make it. See readlink(2).
func (t tree) resolve(name string) (place, error) {
	var done string
	var st unix.Stat_t
	rest := parts(name)
	for hops := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		next := path.Join("/", done, part)[1:] // ".." stops at the top
		var err error
		st, err = t.stat(next)
		if errors.Is(err, unix.ENOENT) {
			return place{name: path.Join("/", next, path.Join(rest...))[1:]}, nil
		}
		if err != nil {
			return place{}, fmt.Errorf("look up %s: %w", name, err)
		}
		if st.Mode&unix.S_IFMT != unix.S_IFLNK {
			done = next
			continue
		}
		if hops++; hops > maxHops {
			return place{}, fmt.Errorf("look up %s: %w", name, unix.ELOOP)
		}
		target, err := t.readlink(next)
		if err != nil {
			return place{}, fmt.Errorf("read link %s: %w", next, err)
		}
		if path.IsAbs(target) {
			done = ""
		}
		rest = append(parts(target), rest...)
	}
	if done == "" {
		var err error
		if st, err = t.stat(""); err != nil {
			return place{}, nil // the empty tree
		}
	}
	return place{name: done, there: true, stat: st}, nil
}

// parts are the names in a path. An empty list is the root.
func parts(name string) []string {
	return strings.FieldsFunc(name, func(c rune) bool { return c == '/' })
}

// readlink reads a link. See readlinkat(2).
func (t tree) readlink(name string) (string, error) {
	fd, err := t.at(name, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}
