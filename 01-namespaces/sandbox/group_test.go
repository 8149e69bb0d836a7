package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandboxtest"
)

// group makes a control group of ours in a mounted hierarchy and opens its
// door: the `tasks` file of v1, the directory of v2.
func group(t *testing.T, hierarchy, door string) (*os.File, string) {
	t.Helper()
	dir := filepath.Join(hierarchy, fmt.Sprintf("drydock-sandbox-test-%d", time.Now().UnixNano()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skipf("needs a hierarchy of control groups at %s: %v", hierarchy, err)
	}
	t.Cleanup(func() { require.NoError(t, os.Remove(dir)) })
	flags := os.O_WRONLY
	if door == "." {
		flags = os.O_RDONLY
	}
	f, err := os.OpenFile(filepath.Join(dir, door), flags, 0)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f, "/" + filepath.Base(dir)
}

// unified is where the v2 hierarchy is mounted.
func unified() string {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.procs"); err == nil {
		return "/sys/fs/cgroup"
	}
	return "/sys/fs/cgroup/unified"
}

func TestChildEntersItsGroups(t *testing.T) {
	sandboxtest.NeedRoot(t)
	for _, c := range []struct{ hierarchy, door, line string }{
		{"/sys/fs/cgroup/pids", "tasks", ":pids:"},
		{unified(), ".", "0::"},
	} {
		t.Run(c.line, func(t *testing.T) {
			door, name := group(t, c.hierarchy, c.door)
			s := docker(t, "cat", "/proc/self/cgroup")
			s.Process.Group = []*os.File{door}
			s.New &^= namespace.Cgroup
			out, _ := run(t, s)
			if !strings.Contains(out, c.line+name+"\n") {
				t.Errorf("the program is not in %s:\n%s", name, out)
			}
			s.New |= namespace.Cgroup
			out, _ = run(t, s)
			if !strings.Contains(out, c.line+"/\n") {
				t.Errorf("joined first, the group is the root of the namespace:\n%s", out)
			}
			box := sleeper(t, docker(t, "sleep", "60"))
			out, _ = enter(t, box, Process{Args: []string{"cat", "/proc/self/cgroup"}, Group: []*os.File{door}})
			if strings.Contains(out, c.line+"/\n") {
				t.Errorf("exec did not enter the group:\n%s", out)
			}
		})
	}
}
