package sandbox

import (
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/namespace"
)

// files builds the tree of files: the root, what is mounted in it, devices,
// and what is covered.
func (s Spec) files() ([]Call, error) {
	if s.New&namespace.Mount == 0 {
		return nil, nil
	}
	sources, err := s.openSources()
	if err != nil {
		return nil, err
	}
	root, err := mountRoot(s.Root)
	if err != nil {
		return nil, err
	}
	mounts, err := s.mounts()
	if err != nil {
		return nil, err
	}
	return join(sources, s.openDevices(), leaveHostTree(), root, pivot(), mounts,
		s.devices(), s.masks(), s.readOnlyPaths()), nil
}

// leaveHostTree cuts the new mount namespace off: mounts made from now on do
// not travel back to the host. What the host unmounts still goes away here,
// too, or we would keep its disks busy. See mount_namespaces(7).
func leaveHostTree() []Call {
	return []Call{{Name: "mount", Args: []any{"", "/", "", unix.MS_REC | unix.MS_SLAVE, ""},
		Text: "make all mounts slaves of the host's"}}
}

// mountRoot mounts the root on the directory that it comes from, where
// nobody else sees it, and makes it the working directory. See mount(2).
func mountRoot(m mount.Mount) ([]Call, error) {
	m.Target = "/"
	o, err := m.Parse()
	if err != nil {
		return nil, err
	}
	if m.Type == "bind" {
		return bindRoot(m, o), nil
	}
	enter := Call{Name: "chdir", Args: []any{m.Source}, Text: "enter " + m.Source}
	return []Call{
		enter,
		{Name: "mount", Args: []any{m.Type, ".", m.Type, o.Flags, o.Data}, Text: "mount " + m.Type + " as the root"},
		enter, // a second time: what is mounted there now
	}, nil
}

// bindRoot copies the mount of a directory and puts the copy on top of it:
// pivot_root wants a mount, not a directory. All that is mounted below comes
// along; in a user namespace the kernel refuses to uncover what mounts hide.
// See open_tree(2), move_mount(2).
func bindRoot(m mount.Mount, o mount.Options) []Call {
	o.Propagation, o.Tree = unix.MS_PRIVATE, true
	return join(
		copyTree("the root", m.Source, true),
		setAttributes("the root", "the root", o),
		[]Call{
			{Name: "move_mount", Args: []any{Result("the root"), "", unix.AT_FDCWD, m.Source,
				unix.MOVE_MOUNT_F_EMPTY_PATH | unix.MOVE_MOUNT_T_SYMLINKS},
				Text: "mount " + m.Source + " as the root"},
			{Name: "fchdir", Args: []any{Result("the root")}, Text: "enter the root"},
		},
	)
}

// pivot makes the working directory the root and drops the host's tree.
// chroot would leave the old root within reach of whoever keeps a descriptor.
// With "." twice the old root lands on top of the new one, and no directory
// is needed in the image to hold it. See pivot_root(2), umount(2).
func pivot() []Call {
	return []Call{
		{Name: "pivot_root", Args: []any{".", "."}, Text: "make it the root"},
		{Name: "umount2", Args: []any{".", unix.MNT_DETACH}, Text: "let go of the host's tree"},
		{Name: "openat", Args: []any{unix.AT_FDCWD, "/", unix.O_PATH | unix.O_CLOEXEC}, Save: "/", Text: "open the new /"},
	}
}

// readOnlyRoot seals the root, after the working directory was made. See
// mount_setattr(2).
func (s Spec) readOnlyRoot() []Call {
	if !s.ReadOnly {
		return nil
	}
	return []Call{{Name: "mount_setattr", Args: []any{unix.AT_FDCWD, "/", 0, readOnly(), unix.MOUNT_ATTR_SIZE_VER0},
		Text: "make / read-only"}}
}

// readOnly is a struct mount_attr that sets one flag.
func readOnly() []byte { return words(unix.MOUNT_ATTR_RDONLY, 0, 0, 0) }
