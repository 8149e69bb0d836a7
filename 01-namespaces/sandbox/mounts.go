package sandbox

import (
	"fmt"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/mount"
)

// source names the i-th mount's copy of its source.
func source(i int) string { return fmt.Sprintf("source %d", i) }

// openSources takes hold of all sources of bind mounts while the host's tree
// is still there, as trees that are mounted nowhere yet. It comes before the
// tree becomes a slave, so that "rshared" can mean the host's.
func (s Spec) openSources() ([]Call, error) {
	var calls []Call
	for i, m := range s.Mounts {
		o, err := m.Parse()
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(m.Target, "/") || path.Clean(m.Target) == "/" {
			return nil, fmt.Errorf("%s: the target must be an absolute path below /", m)
		}
		if m.Type != "bind" {
			continue
		}
		if o.Propagation == 0 {
			o.Propagation, o.Tree = unix.MS_PRIVATE, true
		}
		calls = append(calls, copyTree(source(i), m.Source, o.Recursive)...)
		calls = append(calls, setAttributes(source(i), o)...)
	}
	return calls, nil
}

// copyTree makes a detached copy of the mount at a path. See open_tree(2).
func copyTree(name, path string, recursive bool) []Call {
	flags := unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC
	if recursive {
		flags |= unix.AT_RECURSIVE
	}
	return []Call{{Name: "open_tree", Args: []any{unix.AT_FDCWD, path, flags}, Save: name,
		Text: "open " + path}}
}

// setAttributes gives a detached copy its options. See mount_setattr(2).
func setAttributes(name string, o mount.Options) []Call {
	var calls []Call
	for _, a := range o.Attributes() {
		flags := unix.AT_EMPTY_PATH
		if a.Tree {
			flags |= unix.AT_RECURSIVE
		}
		attr := words(a.Attr.Attr_set, a.Attr.Attr_clr, a.Attr.Propagation, 0)
		calls = append(calls, Call{Name: "mount_setattr", Text: "set the options of " + name,
			Args: []any{Result(name), "", flags, attr, unix.MOUNT_ATTR_SIZE_VER0}})
	}
	return calls
}

// mounts makes the mounts below the root, in their order.
func (s Spec) mounts() ([]Call, error) {
	var calls []Call
	for i, m := range s.Mounts {
		m.Target = path.Clean(m.Target)
		if m.Type == "bind" {
			calls = append(calls, attach(m, source(i))...)
			continue
		}
		fresh, err := mountNew(m)
		if err != nil {
			return nil, err
		}
		calls = append(calls, fresh...)
	}
	return calls, nil
}

// mountNew mounts a file system: its target is opened safely and entered,
// and "." is where the mount goes. For proc and sysfs even a link that stays
// inside is refused: what is masked later must be what was mounted here. See
// mount(2).
func mountNew(m mount.Mount) ([]Call, error) {
	o, err := m.Parse()
	if err != nil {
		return nil, err
	}
	resolve := inside
	if m.Type == "proc" || m.Type == "sysfs" {
		resolve |= unix.RESOLVE_NO_SYMLINKS
	}
	source := m.Source
	if source == "" {
		source = m.Type
	}
	name := "target " + m.Target
	return join(
		makeDirectory(m.Target),
		[]Call{
			openPath(m.Target, name, resolve),
			{Name: "fchdir", Args: []any{Result(name)}, Text: "enter " + m.Target},
			{Name: "mount", Args: []any{source, ".", m.Type, o.Flags, o.Data}, Text: m.String()},
		},
	), nil
}

// attach puts a detached copy on its target, which is made if it is missing:
// a directory for a directory, an empty file for anything else. See
// move_mount(2).
func attach(m mount.Mount, source string) []Call {
	name := "target " + m.Target
	dir, base := path.Split(m.Target)
	return join(
		makeDirectory(path.Clean(dir)),
		[]Call{
			openPath(path.Clean(dir), "parent", inside),
			{Name: "fchdir", Args: []any{Result(source)}, When: unix.ENOTDIR, Skip: 1,
				Text: "see whether " + m.Source + " is a directory"},
			{Name: "mkdirat", Args: []any{Result("parent"), base, 0o755}, When: unix.EEXIST,
				Text: "make directory " + m.Target},
			{Name: "openat", Args: []any{Result("parent"), base, newFile, 0o644}, When: unix.EEXIST,
				Text: "make file " + m.Target},
			openPath(m.Target, name, inside),
			{Name: "move_mount", Args: []any{Result(source), "", Result(name), "", emptyPaths}, Text: m.String()},
		},
	)
}

// newFile opens nothing that exists: not a device, not what a link points to.
const newFile = unix.O_CREAT | unix.O_EXCL | unix.O_WRONLY | unix.O_CLOEXEC

// emptyPaths says that both descriptors of move_mount(2) mean themselves.
const emptyPaths = unix.MOVE_MOUNT_F_EMPTY_PATH | unix.MOVE_MOUNT_T_EMPTY_PATH

// inside is how names of the image are resolved: links are followed as if
// the root were "/", which it is, and never the links of /proc, which can
// lead anywhere. See openat2(2).
const inside = unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS

// openPath takes hold of a name in the image. See openat2(2).
func openPath(path, save string, resolve int) Call {
	how := words(unix.O_PATH|unix.O_CLOEXEC, 0, uint64(resolve))
	return Call{Name: "openat2", Args: []any{Result("/"), path, how, len(how)}, Save: save,
		Text: "find " + path}
}

// makeDirectory makes a directory and those above it, where they are
// missing. Each is made with a single name in a directory that was opened
// safely. See mkdir(2).
func makeDirectory(target string) []Call {
	if target == "/" {
		return nil
	}
	dir, base := path.Split(target)
	dir = path.Clean(dir)
	return append(makeDirectory(dir),
		openPath(dir, "parent", inside),
		Call{Name: "mkdirat", Args: []any{Result("parent"), base, 0o755}, When: unix.EEXIST,
			Text: "make directory " + target})
}
