package cgroup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	hybridMounts = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`
	hybridGroups = "5:pids:/\n4:memory:/system.slice/x.service\n1:cpu,cpuacct:/\n9:name=systemd:/\n0::/\n"
	unifiedMount = "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
)

func TestDetectFindsOurPlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		what, mounts, groups string
		version              int
		memory, cpuacct      string
	}{
		{"hybrid: limits are in v1", hybridMounts, hybridGroups, 1, "/sys/fs/cgroup/memory/system.slice/x.service", "/sys/fs/cgroup/cpu,cpuacct"},
		{"v2", unifiedMount, "0::/system.slice/drydockd.service\n", 2, "/sys/fs/cgroup/system.slice/drydockd.service", "/sys/fs/cgroup/system.slice/drydockd.service"},
		{"a part of v2 is mounted", "41 31 0:38 /a/b /cg rw - cgroup2 none rw\n", "0::/a/b/c\n", 2, "/cg/c", "/cg/c"},
		{"what we see is not where we are", "41 31 0:38 /a/b /cg rw - cgroup2 none rw\n", "0::/a/x\n", 2, "/cg", "/cg"},
		{"a mount point with a blank", `41 31 0:38 / /my\040groups rw - cgroup2 none rw`, "0::/\n", 2, "/my groups", "/my groups"},
	} {
		tree, _, err := detect(c.mounts, c.groups)
		require.NoError(t, err, c.what)
		if tree.Version != c.version || tree.home("memory") != c.memory || tree.home("cpuacct") != c.cpuacct {
			t.Errorf("%s: version %d, memory in %s, cpuacct in %s", c.what, tree.Version, tree.home("memory"), tree.home("cpuacct"))
		}
	}
	if _, _, err := detect("23 1 0:3 / /proc rw - proc proc rw\n", "0::/\n"); err == nil {
		t.Error("a machine without control groups was accepted")
	}
}

func TestControllersOfOneHierarchyShareADirectory(t *testing.T) {
	t.Parallel()
	tree, _, err := detect(hybridMounts, hybridGroups)
	require.NoError(t, err)
	if got := tree.paths("drydock/web", Limits{}); len(got) != 3 {
		t.Errorf("the directories are %v, want one each for cpu,cpuacct, memory and pids", got)
	}
}

// plain is a tree of ordinary directories.
func plain(t *testing.T, version int) Tree {
	tree := Tree{Root: t.TempDir(), Version: version}
	if version == 2 {
		for name, text := range map[string]string{"cgroup.controllers": "cpu memory pids rdma\n", "cgroup.subtree_control": "cpu\n", "cgroup.procs": ""} {
			require.NoError(t, os.WriteFile(filepath.Join(tree.Root, name), []byte(text), 0o600))
		}
	}
	return tree
}

func TestCreateWritesOnlyWhatIsLimited(t *testing.T) {
	t.Parallel()
	tree := plain(t, 1)
	_, err := tree.Create("drydock/web", Limits{Memory: 4096, PIDs: 7})
	require.NoError(t, err)
	found := map[string]string{}
	err = filepath.WalkDir(tree.Root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			b, _ := os.ReadFile(path)
			found[strings.TrimPrefix(path, tree.Root)] = string(b)
		}
		return err
	})
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"/memory/drydock/web/memory.limit_in_bytes": "4096",
		"/pids/drydock/web/pids.max":                "7",
	}, found)
	for _, needless := range []string{"cpuset", "blkio"} {
		if _, err := os.Stat(filepath.Join(tree.Root, needless)); err == nil {
			t.Errorf("%s was made without a limit that needs it", needless)
		}
	}
}

func TestUnifiedGroupsAreHandedTheirControllers(t *testing.T) {
	t.Parallel()
	tree := plain(t, 2)
	// The kernel fills a new directory; here somebody else has to.
	require.NoError(t, os.Mkdir(filepath.Join(tree.Root, "drydock"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(tree.Root, "drydock/cgroup.controllers"), []byte("cpu memory pids\n"), 0o600))
	_, err := tree.Create("drydock/web", Limits{CPUs: 0.5})
	require.NoError(t, err)
	for path, want := range map[string]string{
		"cgroup.subtree_control":         "+memory +pids", // cpu is on, rdma is no limit of ours
		"drydock/cgroup.subtree_control": "+cpu +memory +pids",
		"drydock/web/cpu.max":            "50000 100000",
	} {
		b, err := os.ReadFile(filepath.Join(tree.Root, path))
		require.NoError(t, err)
		if got := strings.TrimSpace(string(b)); !strings.HasPrefix(got, want) {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

func TestWhoIsAloneStepsAsideAndWhoIsNotDoesNot(t *testing.T) {
	t.Parallel()
	tree := plain(t, 2)
	procs := filepath.Join(tree.Root, "cgroup.procs")
	require.NoError(t, os.WriteFile(procs, []byte("999999\n"), 0o600))
	if err := stepAside(tree.Root); err == nil || !strings.Contains(err.Error(), "not ours") {
		t.Errorf("a group with a stranger in it was taken over: %v", err)
	}
	require.NoError(t, os.WriteFile(procs, nil, 0o600))
	require.NoError(t, stepAside(tree.Root))
	if text, _ := read(filepath.Join(tree.Root, aside), "cgroup.procs"); text != "0" {
		t.Errorf("we wrote %q to the leaf, want 0: ourselves", text)
	}
}

func TestHomeIsWhereGroupsMayBe(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	session := filepath.Join(top, "session")
	require.NoError(t, os.Mkdir(session, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(session, "cgroup.procs"), []byte("999999\n"), 0o600))
	if got := home(session, top); got != top {
		t.Errorf("groups in %s: it has processes of others in it, %s is the place", got, top)
	}
	if got := home(filepath.Join(session, aside), top); got != session {
		t.Errorf("groups in %s: we have stepped aside, %s is the place", got, session)
	}
	service := filepath.Join(top, "service")
	require.NoError(t, os.Mkdir(service, 0o755))
	if got := home(service, top); got != service {
		t.Errorf("groups in %s: nobody else is in %s", got, service)
	}
	require.NoError(t, os.WriteFile(filepath.Join(session, "cgroup.subtree_control"), []byte("memory\n"), 0o600))
	if got := home(session, top); got != session {
		t.Errorf("groups in %s: %s hands controllers down already", got, session)
	}
}

func TestNamesThatLeaveOurGroupAreRefused(t *testing.T) {
	t.Parallel()
	tree := plain(t, 1)
	for _, name := range []string{"", ".", "..", "../x", "/x", "a/../../x", "a//b", "a/"} {
		if _, err := tree.Create(name, Limits{}); err == nil {
			t.Errorf("a group called %q was made", name)
		}
		if _, err := tree.Open(name); err == nil {
			t.Errorf("a group called %q was opened", name)
		}
	}
}

func TestOpenOfNothingIsNotExist(t *testing.T) {
	t.Parallel()
	if _, err := plain(t, 1).Open("drydock/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is %v, want fs.ErrNotExist", err)
	}
}

func TestARefusedLimitNamesFileAndValueAndLeavesNothing(t *testing.T) {
	t.Parallel()
	tree := Tree{Version: 1, Homes: map[string]string{"memory": t.TempDir()}} // no pids here
	_, err := tree.Create("web", Limits{PIDs: 12345})
	if err == nil || !strings.Contains(err.Error(), "pids.max") || !strings.Contains(err.Error(), "12345") {
		t.Errorf("the error is %v, want one with pids.max and 12345", err)
	}
	if _, err := os.Stat(filepath.Join(tree.Homes["memory"], "web")); err == nil {
		t.Error("the directory of the refused group was left behind")
	}
}

func FuzzDetect(f *testing.F) {
	f.Add(hybridMounts, hybridGroups)
	f.Add(unifiedMount, "0::/../..\n")
	f.Add("41 31 0:38 /a /cg rw - cgroup2 none rw\n", "0::/a/../../etc\n")
	f.Fuzz(func(t *testing.T, mounts, groups string) {
		tree, top, err := detect(mounts, groups)
		if err != nil || tree.Version != 2 {
			return
		}
		if rel, err := filepath.Rel(top, tree.Root); filepath.IsAbs(top) && (err != nil || !filepath.IsLocal(rel)) {
			t.Errorf("our group %s is not below its mount point %s", tree.Root, top)
		}
	})
}
