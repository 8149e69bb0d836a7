package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// A Tree is where our groups live: below the group that we were started in.
// It is plain data and survives JSON.
type Tree struct {
	Root    string // v2: our own group; v1: where the hierarchies are mounted; a temporary directory in pure tests
	Version int    // 1 (one hierarchy a controller, hybrid too) or 2
	// Homes are, on v1, the directories of our own group by controller. A
	// controller that is not mounted is missing; nil means Root/CONTROLLER.
	Homes map[string]string `json:",omitempty"`
}

// standard are the v1 controllers that every group gets a directory of. All
// cost a mkdir at birth and a write by the child, so those that are only
// needed for a limit (cpuset, blkio) are made with it.
var standard = []string{"cpu", "cpuacct", "memory", "pids", "devices", "freezer"}

// onDemand are the others that we know.
var onDemand = []string{"cpuset", "blkio"}

// limiting are the v2 controllers that we ask our own group to hand down.
var limiting = []string{"cpu", "cpuset", "io", "memory", "pids"}

// Detect finds the hierarchies of this machine and our place in them.
// See cgroups(7) and proc(5).
func Detect() (Tree, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return Tree{}, err
	}
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return Tree{}, err
	}
	t, top, err := detect(string(mounts), string(groups))
	if err == nil && t.Version == 2 {
		t.Root = home(t.Root, top)
	}
	return t, err
}

// detect is the pure half of Detect. top is, on v2, the mount point.
func detect(mounts, groups string) (t Tree, top string, err error) {
	own := ownGroups(groups)
	homes := map[string]string{}
	for line := range strings.Lines(mounts) {
		m, ok := parseMount(line)
		switch {
		case !ok:
		case m.kind == "cgroup2" && top == "":
			t.Root, top = m.place(own[""]), m.point
		case m.kind == "cgroup":
			for _, c := range m.options {
				if _, known := homes[c]; !known && own[c] != "" && ours(c) {
					homes[c] = m.place(own[c])
				}
			}
		}
	}
	_, memory := homes["memory"]
	_, pids := homes["pids"]
	switch {
	case memory || pids:
		return Tree{Root: "/sys/fs/cgroup", Version: 1, Homes: homes}, "", nil
	case top != "":
		return Tree{Root: t.Root, Version: 2}, top, nil
	}
	return Tree{}, "", errors.New("no control groups are mounted: mount -t cgroup2 none /sys/fs/cgroup")
}

// ours are the controllers that we know.
func ours(controller string) bool {
	return slices.Contains(standard, controller) || slices.Contains(onDemand, controller)
}

// ownGroups reads /proc/self/cgroup: "4:cpu,cpuacct:/path" is a v1 hierarchy,
// "0::/path" the v2 one, whose key here is "".
func ownGroups(text string) map[string]string {
	own := map[string]string{}
	for line := range strings.Lines(text) {
		f := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(f) != 3 {
			continue
		}
		for c := range strings.SplitSeq(f[1], ",") {
			own[c] = f[2]
		}
	}
	return own
}

// A hierarchy is a mount of control groups.
type hierarchy struct {
	kind, root, point string
	options           []string
}

// parseMount reads a line of /proc/self/mountinfo, see proc(5):
//
//	36 31 0:33 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup none rw,memory
func parseMount(line string) (hierarchy, bool) {
	before, after, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " - ")
	b, a := strings.Fields(before), strings.Fields(after)
	if !ok || len(b) < 6 || len(a) < 3 {
		return hierarchy{}, false
	}
	unquote := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	return hierarchy{
		kind: a[0], root: unquote.Replace(b[3]), point: unquote.Replace(b[4]),
		options: strings.Split(a[2], ","),
	}, true
}

// place is where the group path is visible under the mount. Inside a
// container the mount may show only a part of the hierarchy: then our own
// path starts with that part. What lies outside of it we cannot name, and
// the top of what we see is the best that there is.
func (h hierarchy) place(path string) string {
	rel, err := filepath.Rel(h.root, path)
	if err != nil || !filepath.IsLocal(rel) {
		return h.point
	}
	return filepath.Join(h.point, rel)
}

// Features say which limits this machine can hold.
type Features struct{ Memory, Swap, CPU, CPUSet, PIDs, IO, Freezer bool }

// Features looks which controllers there are. See cgroups(7).
func (t Tree) Features() Features {
	f := Features{
		Memory: t.has("memory"), CPU: t.has("cpu"), CPUSet: t.has("cpuset"), PIDs: t.has("pids"),
		IO: t.has("io"), Freezer: t.has("freezer"),
	}
	swap := filepath.Join(t.home("memory"), "memory.memsw.limit_in_bytes")
	if t.Version == 2 {
		// The root group has no such file, but then it has no limits at all:
		// ask the kernel's own switch instead.
		swap = "/proc/swaps"
		f.Freezer = true
	} else {
		f.IO = t.has("blkio")
	}
	f.Swap = f.Memory && unix.Access(swap, unix.F_OK) == nil
	return f
}

// has says whether the machine offers us a controller.
func (t Tree) has(controller string) bool {
	if t.Version == 2 {
		offered, _ := read(t.Root, "cgroup.controllers")
		return slices.Contains(strings.Fields(offered), controller)
	}
	if t.Homes != nil {
		return t.Homes[controller] != ""
	}
	_, err := os.Stat(t.home(controller))
	return err == nil
}

// home is the directory of our own group, in the hierarchy of controller.
func (t Tree) home(controller string) string {
	switch {
	case t.Version == 2:
		return t.Root
	case t.Homes != nil:
		return t.Homes[controller]
	}
	return filepath.Join(t.Root, controller)
}

// path is the directory of the group name for a controller; empty when there
// is no such hierarchy.
func (t Tree) path(controller, name string) string {
	home := t.home(controller)
	if home == "" {
		return ""
	}
	return filepath.Join(home, name)
}

// valid refuses names that would leave our own group.
func valid(name string) error {
	if !filepath.IsLocal(name) || filepath.Clean(name) != name || name == "." {
		return fmt.Errorf("%q is not the name of a group: a relative path is", name)
	}
	return nil
}
