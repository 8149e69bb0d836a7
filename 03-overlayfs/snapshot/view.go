package snapshot

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/namespace"
	"drydock/03-overlayfs/overlay"
)

// View opens the whole tree of a name or key, merged and read-only, as its
// container would see it. For an active key that is mounted elsewhere, go
// through /proc/PID/root instead: the kernel does not promise anything to who
// looks at an upper directory from below.
//
// The descriptor is of the kind O_PATH: use it with openat(2), or as
// /proc/self/fd/N. It stands for a mount that is attached nowhere, so nobody
// else can see it, and that ends when it is closed.
func (s *Store) View(name string) (*os.File, error) {
	s.mu.Lock()
	r, dirs, err := s.stack(name)
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if !r.Committed {
		dirs = append([]string{s.path(r.ID, "fs")}, dirs...)
	}
	m, err := overlay.Layers{Lower: dirs, Base: s.dir, UserXattr: s.userXattr}.Mount()
	if err != nil {
		return nil, fmt.Errorf("view snapshot %s: %w", name, err)
	}
	fd := -1
	if m.Type == "bind" {
		fd, err = detached(m.Source)
	} else {
		err = namespace.Aside(func() error {
			fd, err = s.mountAside(m)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("view snapshot %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// mountAside mounts m where only this thread sees it, over the store itself,
// and takes the mount out. The short names of the layers start from the
// working directory, which is still the store below. See unshare(2),
// mount_namespaces(7) and mount(2).
func (s *Store) mountAside(m mount.Mount) (int, error) {
	o, err := m.Parse()
	if err != nil {
		return -1, err
	}
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return -1, fmt.Errorf("unshare the mounts: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return -1, fmt.Errorf("make / private: %w", err)
	}
	if err := unix.Chdir(s.dir); err != nil {
		return -1, fmt.Errorf("enter %s: %w", s.dir, err)
	}
	if err := unix.Mount(m.Source, s.dir, m.Type, uintptr(o.Flags), o.Data); err != nil {
		return -1, fmt.Errorf("%s: %w", m, err)
	}
	return detached(s.dir)
}

// detached makes a read-only copy of the mount at path that is attached
// nowhere. See open_tree(2) and mount_setattr(2).
func detached(path string) (int, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("open_tree %s: %w", path, err)
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH, &attr); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("make the copy of %s read-only: %w", path, err)
	}
	return fd, nil
}
