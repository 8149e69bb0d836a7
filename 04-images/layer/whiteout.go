package layer

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"drydock/03-overlayfs/overlay"
)

// How layers spell deletion. See the image specification, layer.md.
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
	private  = ".wh..wh." // aufs kept its own files under such names
)

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
// name stays: only the old must not shine through. See fstatat(2).
func (t *tree) white(parent *dir, base string) error {
	err := overlay.Whiteout(parent.fd, base)
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
	if err != nil || !overlay.IsWhiteout(&st) || !t.options.Whiteouts {
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

// setOpaque marks a directory. In a user namespace only the user attribute
// may be written, and overlayfs is told to look for that one. See openat(2).
func setOpaque(fd int, base string) error {
	d, err := unix.Openat(fd, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(d)
	err = overlay.SetOpaque(d, false)
	if errors.Is(err, unix.EPERM) {
		err = overlay.SetOpaque(d, true)
	}
	return err
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
