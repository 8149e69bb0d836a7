package sandbox

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/namespace"
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
		switch {
		case s.early(m):
			calls = append(calls, newTree(source(i), m)...)
		case m.Type != "bind":
			continue
		default:
			calls = append(calls, copyTree(source(i), m.Source, o.Recursive)...)
		}
		if o.Propagation == 0 {
			o.Propagation, o.Tree = unix.MS_PRIVATE, true
		}
		calls = append(calls, setAttributes(source(i), path.Clean(m.Target), o)...)
	}
	return calls, nil
}

// early says whether a file system must be made while the host's tree is
// still there. In a user namespace the kernel makes a proc or a sysfs only if
// we see one already, whole: it must not show what had been covered. See
// mount_namespaces(7).
func (s Spec) early(m mount.Mount) bool {
	return s.New&namespace.User != 0 && (m.Type == "proc" || m.Type == "sysfs")
}

// newTree makes a file system that is mounted nowhere yet. See fsopen(2),
// fsconfig(2), fsmount(2).
func newTree(name string, m mount.Mount) []Call {
	context := "context of " + name
	return []Call{
		{Name: "fsopen", Args: []any{m.Type, unix.FSOPEN_CLOEXEC}, Save: context, Text: "configure a new " + m.Type},
		{Name: "fsconfig", Args: []any{Result(context), unix.FSCONFIG_CMD_CREATE, 0, 0, 0}, Text: "make a new " + m.Type},
		{Name: "fsmount", Args: []any{Result(context), unix.FSMOUNT_CLOEXEC, 0}, Save: name, Text: "open the new " + m.Type},
	}
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

// setAttributes gives a detached copy the options that it will have as what.
// See mount_setattr(2).
func setAttributes(name, what string, o mount.Options) []Call {
	var calls []Call
	for _, a := range o.Attributes() {
		flags := unix.AT_EMPTY_PATH
		if a.Tree {
			flags |= unix.AT_RECURSIVE
		}
		text := "set the options of " + what
		if a.Attr.Propagation != 0 && a.Attr.Attr_set|a.Attr.Attr_clr == 0 {
			text = "keep mounts made below " + what + " from spreading"
			if a.Attr.Propagation&unix.MS_PRIVATE == 0 {
				text = "say how mounts made below " + what + " spread"
			}
		}
		attr := words(a.Attr.Attr_set, a.Attr.Attr_clr, a.Attr.Propagation, 0)
		calls = append(calls, Call{Name: "mount_setattr", Text: text,
			Args: []any{Result(name), "", flags, attr, unix.MOUNT_ATTR_SIZE_VER0}})
	}
	return calls
}

// mounts makes the mounts below the root, in their order.
func (s Spec) mounts() ([]Call, error) {
	var calls []Call
	for i, m := range s.Mounts {
		m.Target = path.Clean(m.Target)
		if m.Type == "bind" || s.early(m) {
			calls = append(calls, attach(m, source(i))...)
			continue
		}
		m.Options = s.mappedOptions(m)
		fresh, err := mountNew(m)
		if err != nil {
			return nil, err
		}
		calls = append(calls, fresh...)
	}
	return calls, nil
}

// mappedOptions leaves out a "gid=5" that has no meaning in our user
// namespace, where the kernel would refuse it. See user_namespaces(7).
func (s Spec) mappedOptions(m mount.Mount) []string {
	if s.New&namespace.User == 0 {
		return m.Options
	}
	return slices.DeleteFunc(slices.Clone(m.Options), func(o string) bool {
		gid, err := strconv.ParseUint(strings.TrimPrefix(o, "gid="), 10, 32)
		return strings.HasPrefix(o, "gid=") && err == nil && !mapped(s.GIDs, uint32(gid))
	})
}

// mapped says whether id is known inside. Without maps only 0 is.
func mapped(maps []IDMap, id uint32) bool {
	return id == 0 && len(maps) == 0 || slices.ContainsFunc(maps, func(m IDMap) bool {
		return id >= m.Inside && id-m.Inside < m.Count
	})
}

// resolve is how the target of a mount is found. For proc and sysfs even a
// link that stays inside is refused: what is masked later must be what was
// mounted here. See openat2(2).
func resolve(m mount.Mount) int {
	if m.Type == "proc" || m.Type == "sysfs" {
		return inside | unix.RESOLVE_NO_SYMLINKS
	}
	return inside
}

// mountNew mounts a file system: its target is opened safely and entered,
// and "." is where the mount goes. See mount(2).
func mountNew(m mount.Mount) ([]Call, error) {
	o, err := m.Parse()
	if err != nil {
		return nil, err
	}
	source := m.Source
	if source == "" {
		source = m.Type
	}
	name := "target " + m.Target
	return join(
		target(m, func(parent any, base string) []Call {
			return []Call{mkdir(parent, base, m.Target)}
		}),
		[]Call{
			{Name: "fchdir", Args: []any{Result(name)}, Text: "enter " + m.Target},
			{Name: "mount", Args: []any{source, ".", m.Type, o.Flags, o.Data}, Text: m.String()},
		},
	), nil
}

// attach puts a detached copy on its target. See move_mount(2).
func attach(m mount.Mount, source string) []Call {
	return append(
		target(m, func(parent any, base string) []Call {
			how := words(newFile, 0o644, inside)
			return []Call{
				{Name: "fchdir", Args: []any{Result(source)}, When: unix.ENOTDIR, Skip: 1,
					Text: "see whether " + m.Source + " is a directory"},
				mkdir(parent, base, m.Target),
				{Name: "openat2", Args: []any{Result("/"), m.Target, how, len(how)}, When: unix.EISDIR,
					Text: "make file " + m.Target},
			}
		}),
		Call{Name: "move_mount", Args: []any{Result(source), "", Result("target " + m.Target), "", emptyPaths}, Text: m.String()},
	)
}

// target takes hold of a mount's target. Only if it is not there, the
// directories above are made and what creates makes it: a directory for a
// directory, an empty file for anything else.
func target(m mount.Mount, creates func(parent any, base string) []Call) []Call {
	name := "target " + m.Target
	dir, base := path.Split(m.Target)
	dir = path.Clean(dir)
	found := openPath(m.Target, name, resolve(m))
	again := found
	found.When = unix.ENOENT
	missing := join(
		makeDirectory(dir),
		[]Call{openPath(dir, "parent", inside)},
		creates(Result("parent"), base),
		[]Call{again},
	)
	for i := range missing {
		missing[i].Unless = name
	}
	return append([]Call{found}, missing...)
}

// newFile makes a file, also where a link leads to nothing. It is only tried
// on what does not exist, so it opens no device. See open(2).
const newFile = unix.O_CREAT | unix.O_WRONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC

// emptyPaths says that both descriptors of move_mount(2) mean themselves.
const emptyPaths = unix.MOVE_MOUNT_F_EMPTY_PATH | unix.MOVE_MOUNT_T_EMPTY_PATH

// inside is how names of the image are resolved.
const inside = mount.Inside

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
	return append(makeDirectory(dir), openPath(dir, "parent", inside), mkdir(Result("parent"), base, target))
}

// mkdir makes one directory unless it is there.
func mkdir(parent any, base, target string) Call {
	return Call{Name: "mkdirat", Args: []any{parent, base, 0o755}, When: unix.EEXIST,
		Text: "make directory " + target}
}
