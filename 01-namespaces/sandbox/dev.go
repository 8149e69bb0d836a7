package sandbox

import (
	"path"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/namespace"
)

// standardDevices are the nodes that every program expects. See null(4),
// full(4), random(4), tty(4).
var standardDevices = []Device{
	{Path: "/dev/null", Type: "c", Major: 1, Minor: 3, Mode: 0o666},
	{Path: "/dev/zero", Type: "c", Major: 1, Minor: 5, Mode: 0o666},
	{Path: "/dev/full", Type: "c", Major: 1, Minor: 7, Mode: 0o666},
	{Path: "/dev/random", Type: "c", Major: 1, Minor: 8, Mode: 0o666},
	{Path: "/dev/urandom", Type: "c", Major: 1, Minor: 9, Mode: 0o666},
	{Path: "/dev/tty", Type: "c", Major: 5, Minor: 0, Mode: 0o666},
}

// standardLinks lead from /dev to where the kernel keeps such things now.
var standardLinks = [][2]string{
	{"/proc/self/fd", "fd"},
	{"/proc/self/fd/0", "stdin"},
	{"/proc/self/fd/1", "stdout"},
	{"/proc/self/fd/2", "stderr"},
	{"pts/ptmx", "ptmx"},
}

// ownDev says whether /dev is a file system of the container's own. Only
// there nodes are made by default: never in the image, never on the host.
func (s Spec) ownDev() bool {
	for _, m := range s.Mounts {
		if path.Clean(m.Target) == "/dev" {
			return m.Type == "tmpfs"
		}
	}
	return false
}

// nodes are all devices of the Spec, each path once, the last one wins.
func (s Spec) nodes() []Device {
	var nodes []Device
	if s.ownDev() {
		nodes = slices.Clone(standardDevices)
	}
	for _, d := range s.Devices {
		d.Path = path.Clean(d.Path)
		nodes = slices.DeleteFunc(nodes, func(old Device) bool { return old.Path == d.Path })
		nodes = append(nodes, d)
	}
	return nodes
}

// openDevices takes hold of the host's nodes when the child may not make any
// of its own: in a user namespace mknod is refused. See mknod(2).
func (s Spec) openDevices() []Call {
	if s.New&namespace.User == 0 {
		return nil
	}
	var calls []Call
	for _, d := range s.nodes() {
		calls = append(calls, copyTree("device "+d.Path, d.Path, false)...)
	}
	return calls
}

// devices fills /dev. The directory is opened once, so that every node lands
// in it whatever the image says.
func (s Spec) devices() []Call {
	var calls []Call
	opened := ""
	for _, d := range s.nodes() {
		if dir := path.Dir(d.Path); dir != opened {
			calls = append(calls, makeDirectory(dir)...)
			calls = append(calls, openPath(dir, "parent", inside))
			opened = dir
		}
		calls = append(calls, s.device(d)...)
	}
	if !s.ownDev() {
		return calls
	}
	calls = append(calls, openPath("/dev", "/dev", inside))
	for _, l := range standardLinks {
		calls = append(calls, Call{Name: "symlinkat", Args: []any{l[0], Result("/dev"), l[1]}, When: unix.EEXIST,
			Text: "link /dev/" + l[1] + " to " + l[0]})
	}
	return calls
}

// device makes one node in the directory "parent", or puts the host's on an
// empty file there. What a mount has put there before stays. See mknod(2).
func (s Spec) device(d Device) []Call {
	base := path.Base(d.Path)
	if s.New&namespace.User != 0 {
		return []Call{
			{Name: "openat", Args: []any{Result("parent"), base, newFile | unix.O_EXCL, 0o666}, When: unix.EEXIST, Text: "make file " + d.Path},
			{Name: "move_mount", Args: []any{Result("device " + d.Path), "", Result("parent"), base, unix.MOVE_MOUNT_F_EMPTY_PATH},
				Text: "mount device " + d.Path},
		}
	}
	kind := unix.S_IFCHR
	if d.Type == "b" {
		kind = unix.S_IFBLK
	}
	calls := []Call{{Name: "mknodat", Args: []any{Result("parent"), base, kind | int(d.Mode), unix.Mkdev(d.Major, d.Minor)},
		When: unix.EEXIST, Text: "make device " + d.Path}}
	if d.UID|d.GID != 0 {
		calls = append(calls, Call{Name: "fchownat", Args: []any{Result("parent"), base, int(d.UID), int(d.GID), unix.AT_SYMLINK_NOFOLLOW},
			Text: "give " + d.Path + " to " + strconv.Itoa(int(d.UID))})
	}
	return calls
}
