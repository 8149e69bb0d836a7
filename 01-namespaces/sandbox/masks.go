package sandbox

import (
	"golang.org/x/sys/unix"
)

// masks covers what tells too much: a file by /dev/null, a directory by an
// empty read-only tmpfs. What is not there needs no mask.
//
// The null device is taken hold of once, without following links: an image
// that could choose what lies under the mask would own the host
// (CVE-2025-31133). See open_tree(2), move_mount(2).
func (s Spec) masks() []Call {
	if len(s.Masked) == 0 {
		return nil
	}
	calls := []Call{openPath("/dev/null", "null", inside|unix.RESOLVE_NO_SYMLINKS)}
	calls[0].When = unix.ENOENT // no /dev at all: then only directories can be covered
	for _, path := range s.Masked {
		calls = append(calls, mask(path)...)
	}
	return calls
}

// mask covers one path. Whether it is a directory shows when we enter it.
func mask(path string) []Call {
	found := openPath(path, "masked", inside)
	found.When, found.Skip = unix.ENOENT, 4
	return []Call{
		found,
		{Name: "fchdir", Args: []any{Result("masked")}, When: unix.ENOTDIR, Skip: 1,
			Text: "see whether " + path + " is a directory"},
		{Name: "mount", Args: []any{"tmpfs", ".", "tmpfs", unix.MS_RDONLY, "nr_blocks=1,nr_inodes=1"}, Skip: 2,
			Text: "cover " + path + " with an empty directory"},
		{Name: "open_tree", Args: []any{Result("null"), "", unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_EMPTY_PATH},
			Save: "cover", Text: "open /dev/null to cover " + path},
		{Name: "move_mount", Args: []any{Result("cover"), "", Result("masked"), "", emptyPaths},
			Text: "cover " + path + " with /dev/null"},
	}
}

// readOnlyPaths mounts each path on itself, read-only. See mount_setattr(2).
func (s Spec) readOnlyPaths() []Call {
	var calls []Call
	for _, path := range s.ReadonlyPaths {
		found := openPath(path, "sealed", inside)
		found.When, found.Skip = unix.ENOENT, 3
		calls = append(calls, found,
			Call{Name: "open_tree", Save: "seal", Text: "open " + path + " a second time", Args: []any{Result("sealed"), "",
				unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_EMPTY_PATH | unix.AT_RECURSIVE}},
			Call{Name: "mount_setattr", Args: []any{Result("seal"), "", unix.AT_EMPTY_PATH | unix.AT_RECURSIVE, readOnly(), unix.MOUNT_ATTR_SIZE_VER0},
				Text: "make " + path + " read-only"},
			Call{Name: "move_mount", Args: []any{Result("seal"), "", Result("sealed"), "", emptyPaths},
				Text: "mount " + path + " on itself"})
	}
	return calls
}
