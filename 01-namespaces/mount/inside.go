package mount

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Inside is how a name that a stranger chose is resolved below a directory:
// links are followed as if the directory were "/", never out of it, and never
// those of /proc, which can lead anywhere. See openat2(2).
const Inside = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS

// OpenIn opens a name below the directory root as if that were "/". With
// unix.O_PATH the file is only taken hold of. See openat2(2).
func OpenIn(root int, name string, how unix.OpenHow) (int, error) {
	how.Flags |= unix.O_CLOEXEC
	how.Resolve |= Inside
	for {
		fd, err := unix.Openat2(root, name, &how)
		if err != unix.EINTR && err != unix.EAGAIN { // EAGAIN: somebody renamed on our way
			return fd, err
		}
	}
}

// A Node is what CreateIn makes where nothing is: a directory or an empty
// file, for this user and group; -1 leaves them as they come.
type Node struct {
	Dir      bool
	UID, GID int
}

// CreateIn takes hold of a name below the directory root, and makes it, with
// the directories above, where it is missing. No link leads it out. See
// openat2(2).
func CreateIn(root int, name string, as Node) (int, error) {
	fd, err := OpenIn(root, name, unix.OpenHow{Flags: unix.O_PATH})
	if !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	parent, err := CreateIn(root, path.Dir(path.Clean("/"+name)), Node{Dir: true, UID: as.UID, GID: as.GID})
	if err != nil {
		return -1, err
	}
	defer unix.Close(parent)
	if err := as.make(root, parent, name); err != nil {
		return -1, fmt.Errorf("make %s: %w", name, err)
	}
	return OpenIn(root, name, unix.OpenHow{Flags: unix.O_PATH})
}

// make makes the node. A directory is made in the parent that was opened
// safely; a file also where a link leads to nothing. See mkdir(2), open(2),
// fchown(2).
func (n Node) make(root, parent int, name string) error {
	if n.Dir {
		base := path.Base(name)
		if err := unix.Mkdirat(parent, base, 0o755); err != nil {
			return err
		}
		return unix.Fchownat(parent, base, n.UID, n.GID, unix.AT_SYMLINK_NOFOLLOW)
	}
	flags := unix.O_CREAT | unix.O_WRONLY | unix.O_NONBLOCK | unix.O_NOCTTY
	fd, err := OpenIn(root, name, unix.OpenHow{Flags: uint64(flags), Mode: 0o644})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Fchown(fd, n.UID, n.GID)
}

// isDir says whether an open file is a directory. See fstat(2).
func isDir(fd int) (bool, error) {
	var stat unix.Stat_t
	err := unix.Fstat(fd, &stat)
	return stat.Mode&unix.S_IFMT == unix.S_IFDIR, err
}

// self is the name by which the kernel finds an open file again, for calls
// that take no descriptor. See proc_pid_fd(5).
func self(fd int) string { return fmt.Sprintf("/proc/thread-self/fd/%d", fd) }

// absolute refuses a target that does not say where.
func (m Mount) absolute() error {
	if !strings.HasPrefix(m.Target, "/") {
		return fmt.Errorf("%s: the target must be an absolute path", m)
	}
	return nil
}
