package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"drydock/03-overlayfs/overlay"
)

// place makes what an entry describes.
func (t *tree) place(name string, h *tar.Header, data io.Reader) error {
	where, base := split(name)
	if t.options.Whiteouts {
		if strings.HasPrefix(where, whiteout) || strings.Contains(where, "/"+whiteout) {
			return errors.New("a whiteout is not a directory")
		}
		if strings.HasPrefix(base, whiteout) {
			return t.hide(where, base)
		}
	}
	if name == "" {
		if h.Typeflag != tar.TypeDir {
			return errors.New("the root must be a directory")
		}
		t.rooted = true
		return t.dress("", h)
	}
	parent, err := t.dir(where, 0)
	if err != nil {
		return err
	}
	parent.used = true
	if h.Typeflag == tar.TypeDir {
		if err := t.mkdir(parent, name); err != nil {
			return err
		}
		return t.dress(name, h)
	}
	return t.file(parent, base, h, data)
}

// file makes anything that is not a directory.
func (t *tree) file(parent *dir, base string, h *tar.Header, data io.Reader) error {
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		return t.regular(parent, base, h, data)
	case tar.TypeLink:
		return t.hardLink(parent, base, h)
	case tar.TypeSymlink:
		return t.symlink(parent, base, h)
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return t.node(parent, base, h)
	}
	return fmt.Errorf("entries of type %q are not known", h.Typeflag)
}

// replacing calls make, and once more after taking away what was in the way:
// the later entry of a tar wins.
func (t *tree) replacing(parent *dir, base string, make func() error) error {
	err := make()
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	if err := t.remove(parent, base); err != nil {
		return err
	}
	return make()
}

// remove deletes whatever has the name. Open directories may have led
// through it, so they are resolved again afterwards. See unlinkat(2).
func (t *tree) remove(parent *dir, base string) error {
	t.stale = true
	err := unix.Unlinkat(parent.fd, base, 0)
	if errors.Is(err, unix.EISDIR) {
		return os.RemoveAll(under(parent.fd, base))
	}
	return err
}

// under is a path that leads to base inside an open directory. The last part
// is not resolved by it; only for calls that have no *at form and do not
// follow the last link.
func under(fd int, base string) string { return fmt.Sprintf("/proc/self/fd/%d/%s", fd, base) }

// mkdir makes a directory; one that is there already stays, with all in it.
// See mkdirat(2).
func (t *tree) mkdir(parent *dir, name string) error {
	_, base := split(name)
	err := unix.Mkdirat(parent.fd, base, 0o700)
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	if gone, err := t.unwhite(parent, name); gone || err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstatat(parent.fd, base, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return nil
	}
	if err := t.remove(parent, base); err != nil {
		return err
	}
	return unix.Mkdirat(parent.fd, base, 0o700)
}

// dress gives a directory what its entry says and keeps it open: its
// children are likely to follow. See fchown(2), fchmod(2).
func (t *tree) dress(name string, h *tar.Header) error {
	if t.stale { // a link of this name was just replaced
		if err := t.flush(); err != nil {
			return err
		}
	}
	d, err := t.dir(name, 0)
	if err != nil {
		return err
	}
	if err := unix.Fchown(d.fd, h.Uid, h.Gid); err != nil {
		return fmt.Errorf("change owner: %w", err)
	}
	if err := unix.Fchmod(d.fd, mode(h)); err != nil {
		return fmt.Errorf("change mode: %w", err)
	}
	d.times, d.used = times(h), true
	return setAttributes(h, func(key, value string) error {
		return unix.Fsetxattr(d.fd, key, []byte(value), 0)
	})
}

// mode is a header's mode as chmod(2) wants it.
func mode(h *tar.Header) uint32 { return uint32(h.Mode) & 0o7777 }

// times are a header's times as utimensat(2) wants them.
func times(h *tar.Header) []unix.Timespec {
	m := timespec(h.ModTime)
	if h.AccessTime.IsZero() {
		return []unix.Timespec{m, m}
	}
	return []unix.Timespec{timespec(h.AccessTime), m}
}

func timespec(t time.Time) unix.Timespec {
	if t.IsZero() {
		t = time.Unix(0, 0)
	}
	return unix.Timespec{Sec: t.Unix(), Nsec: int64(t.Nanosecond())}
}

// regular makes a file. O_EXCL, so that no link is ever written through.
// See openat(2).
func (t *tree) regular(parent *dir, base string, h *tar.Header, data io.Reader) error {
	fd := -1
	err := t.replacing(parent, base, func() (err error) {
		fd, err = unix.Openat(parent.fd, base, unix.O_CREAT|unix.O_EXCL|unix.O_WRONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		return err
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := t.fill(fd, h, data); err != nil {
		return err
	}
	t.result.Size += h.Size
	// The owner first: chown(2) takes setuid bits and file capabilities away.
	if err := unix.Fchown(fd, h.Uid, h.Gid); err != nil {
		return fmt.Errorf("change owner: %w", err)
	}
	if err := unix.Fchmod(fd, mode(h)); err != nil {
		return fmt.Errorf("change mode: %w", err)
	}
	err = setAttributes(h, func(key, value string) error {
		return unix.Fsetxattr(fd, key, []byte(value), 0)
	})
	if err != nil {
		return err
	}
	return unix.UtimesNanoAt(parent.fd, base, times(h), unix.AT_SYMLINK_NOFOLLOW)
}

// hardLink makes a second name for a file. The old name is resolved like any
// other, so it cannot be one outside of the root. See linkat(2).
func (t *tree) hardLink(parent *dir, base string, h *tar.Header) error {
	name, err := clean(h.Linkname)
	if err != nil || name == "" {
		return fmt.Errorf("hard link to %q, which is outside of the tree", h.Linkname)
	}
	where, old := split(name)
	source, err := t.dir(where, 0)
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", h.Linkname, err)
	}
	var st unix.Stat_t
	err = unix.Fstatat(source.fd, old, &st, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) || err == nil && overlay.IsWhiteout(&st) && t.options.Whiteouts {
		if t.options.Below == nil && t.options.Whiteouts {
			t.result.Replay = true // the file is in a layer below
			return nil
		}
		err = t.copyUp(source, name)
	}
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", h.Linkname, err)
	}
	if source.fd == parent.fd && old == base {
		return nil // a file is linked to itself already
	}
	err = t.replacing(parent, base, func() error { return unix.Linkat(source.fd, old, parent.fd, base, 0) })
	if err != nil {
		return fmt.Errorf("hard link to %q: %w", h.Linkname, err)
	}
	return nil
}

// symlink makes a symbolic link. Its text is not looked at: it is followed
// inside the root only. See symlinkat(2).
func (t *tree) symlink(parent *dir, base string, h *tar.Header) error {
	err := t.replacing(parent, base, func() error { return unix.Symlinkat(h.Linkname, parent.fd, base) })
	if err != nil {
		return err
	}
	if err := unix.Fchownat(parent.fd, base, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("change owner: %w", err)
	}
	err = setAttributes(h, func(key, value string) error {
		return unix.Lsetxattr(under(parent.fd, base), key, []byte(value), 0)
	})
	if err != nil {
		return err
	}
	return unix.UtimesNanoAt(parent.fd, base, times(h), unix.AT_SYMLINK_NOFOLLOW)
}

// node makes a device or a fifo. See mknodat(2).
func (t *tree) node(parent *dir, base string, h *tar.Header) error {
	kinds := map[byte]uint32{tar.TypeChar: unix.S_IFCHR, tar.TypeBlock: unix.S_IFBLK, tar.TypeFifo: unix.S_IFIFO}
	number := unix.Mkdev(uint32(h.Devmajor), uint32(h.Devminor))
	if h.Typeflag == tar.TypeFifo {
		number = 0
	} else if h.Typeflag == tar.TypeChar && number == 0 {
		return errors.New("the device 0:0 is how overlayfs marks a deleted file")
	}
	err := t.replacing(parent, base, func() error {
		return unix.Mknodat(parent.fd, base, kinds[h.Typeflag]|0o600, int(number))
	})
	if err != nil {
		return fmt.Errorf("make device: %w", err)
	}
	if err := unix.Fchownat(parent.fd, base, h.Uid, h.Gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return fmt.Errorf("change owner: %w", err)
	}
	if err := chmod(parent.fd, base, mode(h)); err != nil {
		return fmt.Errorf("change mode: %w", err)
	}
	err = setAttributes(h, func(key, value string) error {
		return unix.Lsetxattr(under(parent.fd, base), key, []byte(value), 0)
	})
	if err != nil {
		return err
	}
	return unix.UtimesNanoAt(parent.fd, base, times(h), unix.AT_SYMLINK_NOFOLLOW)
}

// chmod changes the mode without following a link and without opening a
// device, which could start it: fchmodat(2) knows neither before Linux 6.6.
// A descriptor opened with O_PATH is only the name's end. See open(2).
func chmod(fd int, base string, mode uint32) error {
	end, err := unix.Openat(fd, base, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(end)
	return unix.Chmod(fmt.Sprintf("/proc/self/fd/%d", end), mode)
}
