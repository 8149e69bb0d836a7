package mount

import (
	"fmt"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/namespace"
)

// At makes the mount, with Target below the directory root, which a hostile
// image may have filled: whatever links it has, the target is inside. A
// missing target is made, a directory for a directory, an empty file for
// anything else. Take it away with Unmount. See mount(2), openat2(2).
func (m Mount) At(root string) error {
	o, err := m.Parse()
	if err != nil {
		return err
	}
	if err := m.absolute(); err != nil {
		return err
	}
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) // see open(2)
	if err != nil {
		return fmt.Errorf("%s: open %s: %w", m, root, err)
	}
	defer unix.Close(dir)
	if m.Type == "bind" {
		err = m.bind(dir, o)
	} else {
		err = m.fresh(dir, o)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", m, err)
	}
	return nil
}

// bind copies the mount of Source and puts the copy on the target. Its flags
// are set before anybody can see it; how it propagates only afterwards, since
// whatever is mounted below a shared mount becomes shared itself. See
// open_tree(2), move_mount(2), mount_namespaces(7).
func (m Mount) bind(root int, o Options) error {
	flags := unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC
	if o.Recursive {
		flags |= unix.AT_RECURSIVE
	}
	tree, err := unix.OpenTree(unix.AT_FDCWD, m.Source, uint(flags))
	if err != nil {
		return err
	}
	defer unix.Close(tree)
	travel := Options{Propagation: o.Propagation, Tree: o.Tree}
	o.Propagation = 0
	if err := setAttributes(tree, o); err != nil {
		return err
	}
	dir, err := isDir(tree)
	if err != nil {
		return err
	}
	target, err := CreateIn(root, m.Target, Node{Dir: dir, UID: -1, GID: -1})
	if err != nil {
		return err
	}
	defer unix.Close(target)
	if err := unix.MoveMount(tree, "", target, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH); err != nil {
		return err
	}
	return setAttributes(tree, travel)
}

// setAttributes gives a mount its options. See mount_setattr(2).
func setAttributes(fd int, o Options) error {
	for _, a := range o.Attributes() {
		flags := uint(unix.AT_EMPTY_PATH)
		if a.Tree {
			flags |= unix.AT_RECURSIVE
		}
		if err := unix.MountSetattr(fd, "", flags, &a.Attr); err != nil {
			return fmt.Errorf("set its options: %w", err)
		}
	}
	return nil
}

// fresh mounts a file system that is not a copy. See mount(2).
func (m Mount) fresh(root int, o Options) error {
	target, err := CreateIn(root, m.Target, Node{Dir: true, UID: -1, GID: -1})
	if err != nil {
		return err
	}
	defer unix.Close(target)
	mount := func() error { return unix.Mount(m.Source, self(target), m.Type, uintptr(o.Flags), o.Data) }
	if m.Type == "overlay" && m.Source != "" {
		err = in(m.Source, mount)
	} else {
		err = mount()
	}
	if err != nil || o.Propagation == 0 {
		return err
	}
	made, err := OpenIn(root, m.Target, unix.OpenHow{Flags: unix.O_PATH})
	if err != nil {
		return err
	}
	defer unix.Close(made)
	return setAttributes(made, Options{Propagation: o.Propagation, Tree: o.Tree})
}

// in runs fn with another working directory, from which the layers of an
// overlay have short names. The threads of a process share theirs, so it is
// done on a thread that parts with them. See unshare(2), chdir(2).
func in(dir string, fn func() error) error {
	return namespace.Aside(func() error {
		if err := unix.Unshare(unix.CLONE_FS); err != nil {
			return err
		}
		if err := unix.Chdir(dir); err != nil {
			return fmt.Errorf("enter %s: %w", dir, err)
		}
		return fn()
	})
}

// Unmount takes away the topmost mount at path and everything below it, at
// once for whoever looks, and really when the last user is gone. See
// umount(2).
func Unmount(path string) error {
	if err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	return nil
}
