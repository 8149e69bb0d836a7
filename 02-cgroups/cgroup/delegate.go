package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// aside is the group below our own into which we step, see delegate.
const aside = "drydock.self"

// home decides where on v2 our groups live: dir is the group that we are in,
// top the mount point. Whoever has stepped aside is one level too deep. And
// if dir belongs to others too (a shell's session), its processes are in the
// way and not ours to move: then the top is the place, where processes and
// groups may stand side by side.
func home(dir, top string) string {
	if filepath.Base(dir) == aside {
		return filepath.Dir(dir)
	}
	if dir != top && len(strangers(dir)) > 0 && len(enabled(dir)) == 0 {
		return top
	}
	return dir
}

// delegate lets the group rel, and those on the way from our own to it, hand
// their controllers down: on v2 a group has the limits that its parent
// switches on in cgroup.subtree_control. What is on already is not written.
//
// The law of v2 is "no internal processes": a group that hands controllers
// down must be empty itself, the root of the machine alone excepted. If our
// own group is in the way and nobody but us is in it, we step aside into a
// leaf of it. See cgroups(7).
func (t Tree) delegate(rel string) error {
	dirs := []string{t.Root}
	if rel != "." {
		at := t.Root
		for part := range strings.SplitSeq(rel, "/") {
			at = filepath.Join(at, part)
			dirs = append(dirs, at)
		}
	}
	for _, dir := range dirs {
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		err := enable(dir)
		if errors.Is(err, unix.EBUSY) && dir == t.Root {
			if err := stepAside(dir); err != nil {
				return err
			}
			err = enable(dir)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// enable switches on, for the children of dir, what dir itself has of the
// controllers that limit.
func enable(dir string) error {
	offered, err := read(dir, "cgroup.controllers")
	if err != nil {
		return err
	}
	on := enabled(dir)
	var wanted []string
	for c := range strings.FieldsSeq(offered) {
		if slices.Contains(limiting, c) && !slices.Contains(on, c) {
			wanted = append(wanted, "+"+c)
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	return write(dir, file{"cgroup.subtree_control", strings.Join(wanted, " ")})
}

// enabled are the controllers that the children of dir have.
func enabled(dir string) []string {
	text, _ := read(dir, "cgroup.subtree_control")
	return strings.Fields(text)
}

// stepAside moves this process, and nothing else, into a leaf of dir.
func stepAside(dir string) error {
	if others := strangers(dir); len(others) > 0 {
		return fmt.Errorf("%s holds processes that are not ours (%s), so it cannot have groups with limits: "+
			"start in a group of its own, as systemd-run -p Delegate=yes makes one", dir, strings.Join(others, ", "))
	}
	leaf := filepath.Join(dir, aside)
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return write(leaf, file{"cgroup.procs", "0"})
}

// strangers are the processes in dir but ourselves.
func strangers(dir string) []string {
	text, _ := read(dir, "cgroup.procs")
	own := strconv.Itoa(os.Getpid())
	return slices.DeleteFunc(strings.Fields(text), func(pid string) bool { return pid == own })
}
