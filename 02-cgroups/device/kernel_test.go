package device

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandbox"
	"drydock/01-namespaces/sandboxtest"
	"drydock/02-cgroups/cgroup"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, map[string]func() int{"touch": touch}) }

// touch says which devices it may use.
func touch() int {
	for name, dev := range map[string]uint64{"zero": unix.Mkdev(1, 5), "full": unix.Mkdev(1, 7), "mem": unix.Mkdev(1, 1)} {
		err := unix.Mknod("/tmp/"+name, unix.S_IFCHR|0o600, int(dev))
		if err == nil {
			var fd int
			fd, err = unix.Open("/tmp/"+name, unix.O_RDONLY, 0)
			unix.Close(fd)
		}
		fmt.Printf("%s: %v\n", name, err)
	}
	return 0
}

// ask runs touch in a group with rules.
func ask(t *testing.T, tree cgroup.Tree, rules []Rule) string {
	t.Helper()
	g, err := tree.Create("drydock-test-"+rand.Text()[:12], cgroup.Limits{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Delete()) })
	require.NoError(t, Apply(g, rules))
	doors, err := g.Door()
	require.NoError(t, err)
	for _, d := range doors {
		defer d.Close()
	}
	out, in, err := os.Pipe()
	require.NoError(t, err)
	defer out.Close()
	box, err := sandbox.Spawn(sandbox.Spec{
		Root:    mount.Mount{Type: "bind", Source: sandboxtest.Root(t, "touch")},
		New:     namespace.Mount | namespace.PID,
		Mounts:  []mount.Mount{{Type: "tmpfs", Source: "tmpfs", Target: "/tmp"}, {Type: "tmpfs", Source: "tmpfs", Target: "/dev"}},
		Process: sandbox.Process{Args: []string{"/bin/touch"}, Group: doors, Capabilities: capability.All()},
	}, sandbox.Stdio{Out: in, Err: os.Stderr})
	in.Close()
	require.NoError(t, err)
	defer box.Close()
	require.NoError(t, box.Release())
	text, err := io.ReadAll(out)
	require.NoError(t, err)
	_, err = box.Wait()
	require.NoError(t, err)
	return string(text)
}

func TestRulesHoldInTheKernel(t *testing.T) {
	sandboxtest.NeedRoot(t)
	own, err := cgroup.Detect()
	require.NoError(t, err)
	trees := []cgroup.Tree{own}
	if _, err := os.Stat("/sys/fs/cgroup/unified/cgroup.procs"); err == nil {
		trees = append(trees, cgroup.Tree{Root: "/sys/fs/cgroup/unified", Version: 2})
	}
	for _, tree := range trees {
		t.Run(fmt.Sprintf("v%d", tree.Version), func(t *testing.T) {
			said := ask(t, tree, Default())
			for _, want := range []string{"zero: <nil>", "full: <nil>", "mem: operation not permitted"} {
				if !strings.Contains(said, want) {
					t.Errorf("with Docker's rules, want %q:\n%s", want, said)
				}
			}
			said = ask(t, tree, append(Default(), Rule{false, "c", 1, 7, "rw"}))
			if !strings.Contains(said, "full: operation not permitted") || !strings.Contains(said, "zero: <nil>") {
				t.Errorf("with c 1:7 taken away:\n%s", said)
			}
			if said = ask(t, tree, All()); strings.Contains(said, "full: operation") {
				t.Errorf("with everything allowed:\n%s", said)
			}
		})
	}
}
