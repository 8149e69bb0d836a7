package layer

import (
	"errors"
	"fmt"
	"path"

	"golang.org/x/sys/unix"
)

// A tree is a directory that is being filled. It keeps the directories that
// were used last open: the entries of a tar come directory by directory, so
// most need no resolving at all.
type tree struct {
	root    int
	options Options
	left    int64 // of the limit
	result  Result
	rooted  bool // the root had an entry of its own
	guessed int  // bytes of the names in result.Implied
	buf     []byte

	open  map[string]*dir // by the name that an entry used
	byIno map[inode]*dir  // two names may lead to one directory
	stale bool            // something that a name led through was replaced
}

type inode struct{ dev, ino uint64 }

// A dir is an open directory. Whoever writes into a directory changes its
// time; we put the time back when we leave, so that no list of a million
// directories has to be kept until the end.
type dir struct {
	fd    int
	times []unix.Timespec // access and modification
	used  bool
}

// keepOpen is how many directories stay open between entries.
const keepOpen = 64

// bufferSize is what is read and written at once.
const bufferSize = 1 << 20

func newTree(root int, o Options) *tree {
	if o.Limit == 0 {
		o.Limit = DefaultLimit
	}
	return &tree{
		root: root, options: o, left: o.Limit, buf: make([]byte, bufferSize),
		open: map[string]*dir{}, byIno: map[inode]*dir{},
	}
}

// trim is called between entries, when no descriptor is in use.
func (t *tree) trim() error {
	if t.stale || len(t.open) > keepOpen {
		return t.flush()
	}
	return nil
}

// flush closes all directories and puts their times back. See utimensat(2).
func (t *tree) flush() error {
	var failed error
	for _, d := range t.byIno {
		if d.used {
			if err := unix.UtimesNanoAt(d.fd, ".", d.times, 0); err != nil {
				failed = fmt.Errorf("set the time of a directory: %w", err)
			}
		}
		unix.Close(d.fd)
	}
	clear(t.open)
	clear(t.byIno)
	t.stale = false
	return failed
}

// dir opens the directory name, following links inside the root, and makes
// what is missing. hops bounds chains of links that lead nowhere.
func (t *tree) dir(name string, hops int) (*dir, error) {
	if d, ok := t.open[name]; ok {
		return d, nil
	}
	fd, err := openIn(t.root, name, unix.O_RDONLY|unix.O_DIRECTORY)
	if (errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR)) && name != "" {
		if err := t.imply(name, hops); err != nil {
			return nil, err
		}
		fd, err = openIn(t.root, name, unix.O_RDONLY|unix.O_DIRECTORY)
	}
	if err != nil {
		return nil, fmt.Errorf("open directory %q: %w", name, err)
	}
	return t.remember(name, fd)
}

// openIn opens name as if root were "/" of the system. See openat2(2).
func openIn(root int, name string, flags uint64) (int, error) {
	if name == "" {
		name = "."
	}
	for {
		fd, err := unix.Openat2(root, name, &unix.OpenHow{
			Flags:   flags | unix.O_CLOEXEC,
			Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
		})
		// EAGAIN: somebody renamed things on the way and the kernel cannot
		// tell whether ".." left the root.
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			return fd, err
		}
	}
}

// remember keeps fd open under name. See fstat(2).
func (t *tree) remember(name string, fd int) (*dir, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return nil, err
	}
	key := inode{st.Dev, st.Ino}
	d, ok := t.byIno[key]
	if ok {
		unix.Close(fd)
	} else {
		d = &dir{fd: fd, times: []unix.Timespec{st.Atim, st.Mtim}}
		t.byIno[key] = d
	}
	t.open[name] = d
	return d, nil
}

// maxHops is how many links a name may lead through, as in the kernel.
const maxHops = 40

var errHops = errors.New("too many levels of symbolic links")

// imply makes a directory for which the tar had no entry (yet). What is there
// already may be a link that leads nowhere, whose target is then made, or a
// whiteout, which a directory replaces. See mkdirat(2), readlinkat(2).
func (t *tree) imply(name string, hops int) error {
	if hops > maxHops {
		return errHops
	}
	where, base := split(name)
	parent, err := t.dir(where, hops+1)
	if err != nil {
		return err
	}
	copied, err := t.copyLink(parent, name)
	if err != nil {
		return err
	}
	if !copied {
		err = unix.Mkdirat(parent.fd, base, 0o755)
		if err == nil {
			parent.used = true
			return t.implied(name)
		}
	}
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("make directory %q: %w", name, err)
	}
	if gone, err := t.unwhite(parent, name); gone || err != nil {
		return err
	}
	target, err := readlink(parent.fd, base)
	if err != nil {
		return fmt.Errorf("%q is not a directory", name)
	}
	if !path.IsAbs(target) {
		target = path.Join("/", where, target)
	}
	_, err = t.dir(path.Clean(target)[1:], hops+1)
	return err
}

// copyLink brings a symbolic link up from below, so that what follows goes
// through it as it does in the merged tree. It says whether there was one.
func (t *tree) copyLink(parent *dir, name string) (bool, error) {
	if t.options.Below == nil {
		return false, nil
	}
	_, base := split(name)
	if exists(parent.fd, base) {
		return false, nil
	}
	n, err := t.options.Below.find(name)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer n.close()
	if n.stat.Mode&unix.S_IFMT != unix.S_IFLNK {
		return false, nil
	}
	parent.used = true
	return true, n.copyTo(parent.fd, base)
}

// implied notes a guess; with the tree below at hand there is none to make.
func (t *tree) implied(name string) error {
	if b := t.options.Below; b != nil {
		if err := settle(t.root, name, b); !errors.Is(err, errGuess) {
			return err
		}
		return nil // it hides a file
	}
	t.guessed += len(name) + 16
	if t.guessed > maxGuessed {
		t.result.Replay = true
		return nil
	}
	t.result.Implied = append(t.result.Implied, name)
	return nil
}

// maxGuessed bounds the memory for names of implied directories.
const maxGuessed = 4 << 20

// exists says whether there is a name in a directory. See fstatat(2).
func exists(fd int, base string) bool {
	var st unix.Stat_t
	return unix.Fstatat(fd, base, &st, unix.AT_SYMLINK_NOFOLLOW) == nil
}

// readlink reads a symbolic link. See readlinkat(2).
func readlink(fd int, base string) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, base, buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}
