package layer

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// How layers spell deletion. See the image specification, layer.md.
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
	private  = ".wh..wh." // aufs kept its own files under such names
)

// opaqueAttribute makes overlayfs hide all that lies below a directory. See
// the kernel's Documentation/filesystems/overlayfs.rst.
const opaqueAttribute = "trusted.overlay.opaque"

// isWhiteout knows what overlayfs takes for a deleted file.
func isWhiteout(st *unix.Stat_t) bool {
	return st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == 0
}

// hide obeys a whiteout entry of the directory where.
func (t *tree) hide(where, base string) error {
	if base == opaque {
		return t.hideAll(where)
	}
	if strings.HasPrefix(base, private) {
		return nil
	}
	target := strings.TrimPrefix(base, whiteout)
	if target == "" || target == "." || target == ".." {
		return errors.New("a whiteout needs the name of what is gone")
	}
	if t.options.Below.empty() {
		return nil
	}
	parent, err := t.dir(where, 0)
	if err != nil {
		return err
	}
	parent.used = true
	return t.white(parent, target)
}

// white hides base of the layers below. What this layer itself has of that
// name stays: only the old must not shine through. See mknodat(2).
func (t *tree) white(parent *dir, base string) error {
	err := unix.Mknodat(parent.fd, base, unix.S_IFCHR, 0)
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstatat(parent.fd, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil
	}
	return setOpaque(parent.fd, base)
}

// unwhite replaces a whiteout by an empty directory that hides the old one.
// It says whether there was a whiteout. See unlinkat(2).
func (t *tree) unwhite(parent *dir, name string) (bool, error) {
	_, base := split(name)
	var st unix.Stat_t
	err := unix.Fstatat(parent.fd, base, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err != nil || !isWhiteout(&st) || !t.options.Whiteouts {
		return false, err
	}
	if err := unix.Unlinkat(parent.fd, base, 0); err != nil {
		return false, err
	}
	if err := unix.Mkdirat(parent.fd, base, 0o755); err != nil {
		return false, err
	}
	parent.used = true
	return true, setOpaque(parent.fd, base)
}

// setOpaque marks a directory. See fsetxattr(2).
func setOpaque(fd int, base string) error {
	d, err := unix.Openat(fd, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(d)
	if err := unix.Fsetxattr(d, opaqueAttribute, []byte("y"), 0); err != nil {
		return fmt.Errorf("set attribute %s: %w", opaqueAttribute, err)
	}
	return nil
}

// hideAll hides everything below a directory. The kernel never asks whether
// the root is opaque, so there each old name is hidden by itself.
func (t *tree) hideAll(where string) error {
	if t.options.Below.empty() {
		return nil
	}
	parent, err := t.dir(where, 0)
	if err != nil {
		return err
	}
	if where != "" {
		return setOpaque(parent.fd, ".")
	}
	if t.options.Below == nil {
		t.result.Replay = true
		return nil
	}
	names, err := t.options.Below.names()
	if err != nil {
		return err
	}
	parent.used = true
	for _, name := range names {
		if err := t.white(parent, name); err != nil {
			return err
		}
	}
	return nil
}
