package cgroup

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Set changes the limits of a live group: what is zero in l stays as it is,
// what is negative is lifted. It is not safe beside other calls.
// See cgroups(7).
func (g *Group) Set(l Limits) error {
	if err := l.check(); err != nil {
		return fmt.Errorf("group %s: %w", g.name, err)
	}
	missing := g.missing(l)
	for _, dir := range missing {
		if err := mkdir(dir); err != nil {
			return fmt.Errorf("group %s: %w", g.name, err)
		}
		g.dirs = append(g.dirs, dir)
	}
	err := g.apply(l, g.grows(l))
	for _, dir := range missing {
		err = errors.Join(err, g.follow(dir))
	}
	if err != nil {
		return fmt.Errorf("group %s: %w", g.name, err)
	}
	return nil
}

// missing are the directories that l needs and the group has not, because it
// was born on v1 without such a limit.
func (g *Group) missing(l Limits) []string {
	return slices.DeleteFunc(g.tree.paths(g.name, l), func(dir string) bool { return slices.Contains(g.dirs, dir) })
}

// follow moves everybody who is in the group into one more directory of it.
// A child that is born meanwhile starts beside its parent, so it looks again
// until there is nobody new. See cgroups(7).
func (g *Group) follow(dir string) error {
	for moved := map[int]bool{}; ; {
		pids, err := g.PIDs()
		if err != nil {
			return err
		}
		fresh := false
		for _, pid := range pids {
			if moved[pid] {
				continue
			}
			err := write(dir, file{"cgroup.procs", strconv.Itoa(pid)})
			if err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
			moved[pid], fresh = true, true
		}
		if !fresh {
			return nil
		}
	}
}

// grows says whether the new limit of memory is above the present one of
// memory and swap.
func (g *Group) grows(l Limits) bool {
	dir, ok := g.Dir("memory")
	if !ok || g.tree.Version == 2 {
		return false
	}
	text, _ := read(dir, "memory.memsw.limit_in_bytes")
	now, err := strconv.ParseInt(text, 10, 64)
	return err == nil && (l.Memory > now || l.MemorySwap < 0)
}

// apply writes the table. See cgroups(7).
func (g *Group) apply(l Limits, grows bool) error {
	files := l.unified()
	if g.tree.Version == 1 {
		files = l.legacy(grows)
		if err := g.inherit(); err != nil {
			return err
		}
	}
	for _, f := range files {
		dir, ok := g.Dir(f.controller())
		if !ok {
			return fmt.Errorf("write %q to %s: this group has no %s controller", f.text, f.name, f.controller())
		}
		if err := write(dir, f); err != nil {
			return err
		}
	}
	return nil
}

// inherit gives a group of v1's cpuset what its parents have: it is born with
// no CPU and no memory at all, and nobody may enter it like that. See
// cpuset(7).
func (g *Group) inherit() error {
	dir, ok := g.Dir("cpuset")
	if !ok {
		return nil
	}
	home := g.tree.home("cpuset")
	for _, name := range []string{"cpuset.cpus", "cpuset.mems"} {
		text, err := read(home, name)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(home, dir)
		at := home
		for part := range strings.SplitSeq(rel, "/") {
			at = filepath.Join(at, part)
			if now, _ := read(at, name); now != "" {
				text = now
			} else if err := write(at, file{name, text}); err != nil {
				return err
			}
		}
	}
	return nil
}
