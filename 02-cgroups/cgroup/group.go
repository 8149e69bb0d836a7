package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Group is one control group: on v1 a directory in each hierarchy.
//
//	v1  /sys/fs/cgroup/memory/drydock/web    v2  /sys/fs/cgroup/drydock/web
//	    /sys/fs/cgroup/pids/drydock/web
//	    /sys/fs/cgroup/cpu/drydock/web
//	    …
//
// It holds nothing open and may be used by several goroutines; two that set
// limits or freeze at the same time get what the kernel makes of it.
type Group struct {
	tree Tree
	name string
	dirs []string // each once: controllers may share a hierarchy
}

// Create makes the group name (a relative path) below the tree, with limits.
// Directories on the way that are missing are made and stay. See mkdir(2).
func (t Tree) Create(name string, l Limits) (g *Group, err error) {
	if err := errors.Join(valid(name), l.check()); err != nil {
		return nil, fmt.Errorf("group %s: %w", name, err)
	}
	if t.Version == 2 {
		if err := t.delegate(filepath.Dir(name)); err != nil {
			return nil, fmt.Errorf("group %s: %w", name, err)
		}
	}
	g = &Group{tree: t, name: name}
	defer func() {
		if err != nil {
			g.remove()
			g, err = nil, fmt.Errorf("group %s: %w", name, err)
		}
	}()
	for _, dir := range t.paths(name, l) {
		if err := mkdir(dir); err != nil {
			return g, err
		}
		g.dirs = append(g.dirs, dir)
	}
	return g, g.apply(l, false)
}

// mkdir makes one directory, and those above it when they are missing.
// See mkdir(2).
func mkdir(dir string) error {
	err := unix.Mkdir(dir, 0o755)
	if err == unix.ENOENT {
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			return err
		}
		err = unix.Mkdir(dir, 0o755)
	}
	if err != nil {
		return fmt.Errorf("mkdir %s: %w", dir, err)
	}
	return nil
}

// paths are the directories of a new group: one on v2, on v1 those of the
// standard controllers and of the ones that l needs besides.
func (t Tree) paths(name string, l Limits) []string {
	if t.Version == 2 {
		return []string{filepath.Join(t.Root, name)}
	}
	controllers := slices.Clone(standard)
	for _, f := range l.legacy(false) {
		if c := f.controller(); !slices.Contains(controllers, c) {
			controllers = append(controllers, c)
		}
	}
	var dirs []string
	for _, c := range controllers {
		if dir := t.path(c, name); dir != "" && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// Open finds a group that exists. See access(2).
func (t Tree) Open(name string) (*Group, error) {
	if err := valid(name); err != nil {
		return nil, err
	}
	g := &Group{tree: t, name: name}
	for _, dir := range t.everywhere(name) {
		if unix.Access(dir, unix.F_OK) == nil {
			g.dirs = append(g.dirs, dir)
		}
	}
	if len(g.dirs) == 0 {
		return nil, fmt.Errorf("group %s: %w", name, fs.ErrNotExist)
	}
	return g, nil
}

// everywhere are all directories that the group name may have.
func (t Tree) everywhere(name string) []string {
	if t.Version == 2 {
		return []string{filepath.Join(t.Root, name)}
	}
	var dirs []string
	for _, c := range slices.Concat(standard, onDemand) {
		if dir := t.path(c, name); dir != "" && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// Name is what the group was created as.
func (g *Group) Name() string { return g.name }

// Version is that of the hierarchy: 1 or 2.
func (g *Group) Version() int { return g.tree.Version }

// Dir is the directory of the group in the hierarchy of controller, and
// whether it has one.
func (g *Group) Dir(controller string) (string, bool) {
	dir := g.tree.path(controller, g.name)
	return dir, dir != "" && slices.Contains(g.dirs, dir)
}

// Door opens what a new-born process needs to enter by itself: `tasks` of
// each v1 hierarchy, into which it writes "0", or the directory of the v2
// one, for clone3 with CLONE_INTO_CGROUP. The caller closes them.
//
// It is the way in that costs nothing: whoever moves another process, or a
// whole one, has to stop all threads of the machine from forking meanwhile,
// and the kernel takes 5 to 20 ms for that. A thread that moves only itself
// needs no such thing, and a new-born has one thread. See open(2), clone(2).
func (g *Group) Door() (doors []*os.File, err error) {
	name, flags := "tasks", unix.O_WRONLY
	if g.tree.Version == 2 {
		name, flags = "", unix.O_RDONLY|unix.O_DIRECTORY
	}
	for _, dir := range g.dirs {
		path := filepath.Join(dir, name)
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		if err != nil {
			for _, f := range doors {
				f.Close()
			}
			return nil, fmt.Errorf("group %s: open %s: %w", g.name, path, err)
		}
		doors = append(doors, os.NewFile(uintptr(fd), path))
	}
	return doors, nil
}

// Add moves a process that lives already. See cgroups(7).
func (g *Group) Add(pid int) error {
	for _, dir := range g.dirs {
		if err := write(dir, file{"cgroup.procs", strconv.Itoa(pid)}); err != nil {
			return fmt.Errorf("group %s: %w", g.name, err)
		}
	}
	return nil
}

// PIDs lists the processes in the group, those of groups below it too.
func (g *Group) PIDs() ([]int, error) {
	var pids []int
	for _, dir := range g.dirs {
		below, err := walk(dir)
		if err != nil {
			return nil, err
		}
		for _, d := range below {
			text, err := read(d, "cgroup.procs")
			if err != nil && !gone(err) {
				return nil, fmt.Errorf("group %s: %w", g.name, err)
			}
			for field := range strings.FieldsSeq(text) {
				// A process that our own pid namespace does not know is 0.
				if pid, _ := strconv.Atoi(field); pid > 0 {
					pids = append(pids, pid)
				}
			}
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids), nil
}

// walk is dir and every group below it, the deepest first.
func walk(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !gone(err) {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		if e.IsDir() {
			below, err := walk(filepath.Join(dir, e.Name()))
			if err != nil {
				return nil, err
			}
			dirs = append(dirs, below...)
		}
	}
	return append(dirs, dir), nil
}

// gone is what the kernel says about a group that was removed: ENOENT for
// the path, ENODEV for a file of it that is still open.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV)
}

// patience is how long Delete, Freeze and Kill wait for the kernel.
const patience = 5 * time.Second

// Delete removes the group; it must be empty. Missing is fine. Processes that
// are dying are waited for, those that live on are an error that names them.
// Groups that the container has made below its own go too. See rmdir(2).
func (g *Group) Delete() error {
	deadline := time.Now().Add(patience)
	for {
		err := g.remove()
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		pids, _ := g.PIDs()
		if !time.Now().Before(deadline) {
			return fmt.Errorf("group %s has processes %v: %w", g.name, pids, err)
		}
		if err := await(pids, deadline); err != nil {
			return fmt.Errorf("group %s: %w", g.name, err)
		}
	}
}

// remove tries once. See rmdir(2).
func (g *Group) remove() error {
	for _, dir := range g.dirs {
		err := unix.Rmdir(dir)
		if err == unix.EBUSY {
			err = removeBelow(dir)
		}
		if err != nil && err != unix.ENOENT {
			return fmt.Errorf("rmdir %s: %w", dir, err)
		}
	}
	return nil
}

// removeBelow removes dir and the groups in it: a directory with directories
// is as busy as one with processes. See rmdir(2).
func removeBelow(dir string) error {
	dirs, err := walk(dir)
	if err != nil {
		return err
	}
	for _, d := range dirs {
		if err := unix.Rmdir(d); err != nil && err != unix.ENOENT {
			return err
		}
	}
	return nil
}

// await waits until one of the processes has died, or until deadline. With
// nobody in sight, what keeps the group busy is a thread on its last steps,
// which nothing announces: it is given a millisecond. See pidfd_open(2).
func await(pids []int, deadline time.Time) error {
	if len(pids) == 0 {
		time.Sleep(time.Millisecond)
		return nil
	}
	var polls []unix.PollFd
	defer func() {
		for _, p := range polls {
			unix.Close(int(p.Fd))
		}
	}()
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if err == unix.ESRCH {
			return nil // look again
		}
		if err != nil {
			return fmt.Errorf("pidfd_open %d: %w", pid, err)
		}
		polls = append(polls, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	return poll(polls, deadline)
}

// poll waits for one of the descriptors, or until deadline. See poll(2).
func poll(fds []unix.PollFd, deadline time.Time) error {
	for {
		left := max(time.Until(deadline), 0)
		_, err := unix.Poll(fds, int(left.Milliseconds()))
		if err != unix.EINTR {
			return err
		}
	}
}
