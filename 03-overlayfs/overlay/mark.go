package overlay

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// The xattrs that mark an opaque directory, for root and for everybody else.
const (
	opaqueTrusted = "trusted.overlay.opaque"
	opaqueUser    = "user.overlay.opaque"
)

// Whiteout hides name of the lower directories: it makes the device 0:0 under
// that name in the directory that dirfd is open on. There must be nothing of
// that name. See mknodat(2).
func Whiteout(dirfd int, name string) error {
	if err := unix.Mknodat(dirfd, name, unix.S_IFCHR, int(unix.Mkdev(0, 0))); err != nil {
		return fmt.Errorf("whiteout %s: %w", name, err)
	}
	return nil
}

// IsWhiteout says whether st, from fstatat(2), is that of a whiteout: a
// character device 0:0, which no driver has.
func IsWhiteout(st *unix.Stat_t) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0
}

// SetOpaque hides what is below the directory that dirfd is open on. userXattr
// is that of the Layers it is for. See fsetxattr(2).
func SetOpaque(dirfd int, userXattr bool) error {
	name := opaqueName(userXattr)
	if err := unix.Fsetxattr(dirfd, name, []byte("y"), 0); err != nil {
		return fmt.Errorf("set %s: %w", name, err)
	}
	return nil
}

// IsOpaque says whether the directory that dirfd is open on hides what is
// below it. See fgetxattr(2).
func IsOpaque(dirfd int, userXattr bool) (bool, error) {
	value := make([]byte, 1)
	n, err := unix.Fgetxattr(dirfd, opaqueName(userXattr), value)
	switch err {
	case nil:
		return n == 1 && value[0] == 'y', nil
	case unix.ENODATA, unix.ENOTSUP, unix.ERANGE: // not there, or not ours
		return false, nil
	}
	return false, fmt.Errorf("get %s: %w", opaqueName(userXattr), err)
}

func opaqueName(userXattr bool) string {
	if userXattr {
		return opaqueUser
	}
	return opaqueTrusted
}
