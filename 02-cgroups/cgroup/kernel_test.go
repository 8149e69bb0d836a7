package cgroup

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandbox"
	"drydock/01-namespaces/sandboxtest"
)

func TestMain(m *testing.M) {
	sandboxtest.Main(m, map[string]func() int{"forks": forks, "spin": spin, "breed": breed})
}

// forks starts sleepers until the kernel says no, and prints how many there are.
func forks() int {
	for n := 0; n < 200; n++ {
		if err := exec.Command("/bin/sleep", "60").Start(); err != nil {
			fmt.Println(n)
			return 0
		}
	}
	fmt.Println("nobody said no")
	return 1
}

// spin uses a CPU as long as it lives, half a second by default.
func spin() int {
	d, err := time.ParseDuration(strings.Join(os.Args[1:], ""))
	if err != nil {
		d = 500 * time.Millisecond
	}
	for start := time.Now(); time.Since(start) < d; {
	}
	return 0
}

// breed has children that have children, and never ends by itself.
func breed() int {
	fmt.Println("breeding")
	for {
		if err := exec.Command("/bin/breed").Start(); err != nil {
			time.Sleep(time.Millisecond)
		}
	}
}

// trees are the hierarchies of this machine: its own, and on a hybrid one the
// v2 that has no controllers but can still freeze, kill and be entered.
func trees(t *testing.T) map[string]Tree {
	sandboxtest.NeedRoot(t)
	own, err := Detect()
	require.NoError(t, err)
	all := map[string]Tree{fmt.Sprintf("v%d", own.Version): own}
	if _, err := os.Stat("/sys/fs/cgroup/unified/cgroup.procs"); err == nil {
		all["v2"] = Tree{Root: "/sys/fs/cgroup/unified", Version: 2}
	}
	return all
}

// create makes a group that is gone when the test is, and checks that.
func create(t *testing.T, tree Tree, l Limits) *Group {
	t.Helper()
	g, err := tree.Create("drydock-test-"+rand.Text()[:12], l)
	require.NoError(t, err)
	t.Cleanup(func() {
		g.Kill(unix.SIGKILL)
		if err := g.Delete(); err != nil {
			t.Error(err)
		}
		for _, dir := range g.dirs {
			if _, err := os.Stat(dir); err == nil {
				t.Errorf("%s was left behind", dir)
			}
		}
	})
	return g
}

// start runs a test program that walks into the group by itself.
func start(t *testing.T, g *Group, args ...string) (*sandbox.Sandbox, io.Reader) {
	t.Helper()
	doors, err := g.Door()
	require.NoError(t, err)
	out, in, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { out.Close() })
	box, err := sandbox.Spawn(sandbox.Spec{
		Root:    mount.Mount{Type: "bind", Source: sandboxtest.Root(t, "forks", "spin", "breed")},
		Mounts:  []mount.Mount{{Type: "proc", Source: "proc", Target: "/proc"}, {Type: "tmpfs", Source: "tmpfs", Target: "/dev"}},
		New:     namespace.Mount | namespace.PID,
		Process: sandbox.Process{Args: args, Env: []string{"PATH=/bin"}, Group: doors},
	}, sandbox.Stdio{Out: in, Err: os.Stderr})
	in.Close()
	for _, d := range doors {
		d.Close()
	}
	require.NoError(t, err)
	t.Cleanup(func() { box.Close() })
	require.NoError(t, box.Release())
	return box, out
}

// line reads one line of what a program says.
func line(t *testing.T, r io.Reader) string {
	t.Helper()
	var text []byte
	for b := make([]byte, 1); !bytes.HasSuffix(text, []byte("\n")); text = append(text, b...) {
		_, err := r.Read(b)
		require.NoError(t, err, "the program ended after %q", text)
	}
	return strings.TrimSpace(string(text))
}

// detected is the tree whose controllers have limits.
func detected(t *testing.T) Tree {
	sandboxtest.NeedRoot(t)
	tree, err := Detect()
	require.NoError(t, err)
	return tree
}

func TestMemoryLimitHasItsWitness(t *testing.T) {
	g := create(t, detected(t), Limits{Memory: 16 << 20, MemorySwap: 16 << 20})
	witness, err := g.Watch()
	require.NoError(t, err)
	defer witness.Close()
	box, _ := start(t, g, "eat", "64")
	exit, err := box.Wait()
	require.NoError(t, err)
	if exit.Code != 137 {
		t.Errorf("who wants 64 MiB of 16 ends with %d, want 137", exit.Code)
	}
	s, err := g.Stats()
	require.NoError(t, err)
	if s.OOMKills == 0 {
		t.Error("the kernel counted no out-of-memory kill")
	}
	if s.MemoryPeak > 17<<20 || s.MemoryPeak < 8<<20 {
		t.Errorf("the group held at most %d bytes, want nearly 16 MiB", s.MemoryPeak)
	}
	if kills, err := witness.Next(); err != nil || kills != s.OOMKills {
		t.Errorf("the witness saw %d kills of %d (%v)", kills, s.OOMKills, err)
	}
	box, _ = start(t, g, "eat", "64")
	_, err = box.Wait()
	require.NoError(t, err)
	again, err := g.Stats()
	require.NoError(t, err)
	if kills, err := witness.Next(); err != nil || kills != again.OOMKills-s.OOMKills {
		t.Errorf("the second time it saw %d kills of %d (%v)", kills, again.OOMKills-s.OOMKills, err)
	}
}

func TestWitnessEnds(t *testing.T) {
	g := create(t, detected(t), Limits{})
	witness, err := g.Watch()
	require.NoError(t, err)
	done := make(chan error)
	go func() {
		_, err := witness.Next()
		done <- err
	}()
	require.NoError(t, witness.Close())
	require.ErrorIs(t, <-done, os.ErrClosed)

	witness, err = g.Watch()
	require.NoError(t, err)
	defer witness.Close()
	require.NoError(t, g.Delete())
	_, err = witness.Next()
	require.ErrorIs(t, err, os.ErrNotExist, "the group was deleted")
}

func TestForkBombMeetsItsLimit(t *testing.T) {
	g := create(t, detected(t), Limits{PIDs: 30})
	_, out := start(t, g, "forks")
	if said := line(t, out); said == "nobody said no" || len(said) > 2 {
		t.Errorf("with 30 processes and threads allowed, it started %s children", said)
	}
}

func TestQuotaHoldsBack(t *testing.T) {
	g := create(t, detected(t), Limits{CPUs: 0.2})
	begin := time.Now()
	box, _ := start(t, g, "spin")
	_, err := box.Wait()
	require.NoError(t, err)
	wall := time.Since(begin)
	s, err := g.Stats()
	require.NoError(t, err)
	// Each CPU may overdraw by a slice, so the bound is generous.
	if used := time.Duration(s.CPUUsage); used > wall/2 || used == 0 {
		t.Errorf("it used %s of CPU in %s, want a fifth", used, wall)
	}
	if s.CPUThrottled == 0 || s.CPUThrottledTime == 0 {
		t.Error("the kernel never held it back")
	}
}

func TestNewBornIsInItsGroupFromTheFirstInstruction(t *testing.T) {
	for name, tree := range trees(t) {
		t.Run(name, func(t *testing.T) {
			g := create(t, tree, Limits{})
			box, out := start(t, g, "cat", "/proc/self/cgroup")
			text, err := io.ReadAll(out)
			require.NoError(t, err)
			_, err = box.Wait()
			require.NoError(t, err)
			found := 0
			for line := range strings.Lines(string(text)) {
				if strings.HasSuffix(strings.TrimSpace(line), "/"+g.Name()) {
					found++
				}
			}
			if found != len(g.dirs) {
				t.Errorf("it was in %d of its %d hierarchies:\n%s", found, len(g.dirs), text)
			}
		})
	}
}

func TestFreezeStopsTheClock(t *testing.T) {
	for name, tree := range trees(t) {
		t.Run(name, func(t *testing.T) {
			g := create(t, tree, Limits{})
			start(t, g, "spin", "60s")
			require.NoError(t, g.Freeze())
			before, err := g.Stats()
			require.NoError(t, err)
			spin := time.Now()
			for time.Since(spin) < 30*time.Millisecond {
			}
			after, err := g.Stats()
			require.NoError(t, err)
			if after.CPUUsage != before.CPUUsage {
				t.Errorf("a frozen group used %d ns of CPU", after.CPUUsage-before.CPUUsage)
			}
			require.NoError(t, g.Thaw())
			for deadline := time.Now().Add(10 * time.Second); after.CPUUsage == before.CPUUsage; {
				require.True(t, time.Now().Before(deadline), "it never went on after Thaw")
				after, err = g.Stats()
				require.NoError(t, err)
			}
		})
	}
}

func TestKillLeavesNobody(t *testing.T) {
	for name, tree := range trees(t) {
		t.Run(name, func(t *testing.T) {
			l := Limits{}
			if tree.has("pids") {
				l.PIDs = 60
			}
			g := create(t, tree, l)
			args := []string{"sleep", "60"}
			if l.PIDs > 0 {
				args = []string{"breed"} // without a limit it would take the machine
			}
			_, out := start(t, g, args...)
			line(t, out)
			require.NoError(t, g.Kill(unix.SIGKILL))
			require.NoError(t, g.Delete(), "processes that are dying are waited for")
		})
	}
}

func TestDeleteTakesGroupsBelowAndIsContentWithNothing(t *testing.T) {
	for name, tree := range trees(t) {
		t.Run(name, func(t *testing.T) {
			g := create(t, tree, Limits{})
			for _, dir := range g.dirs {
				require.NoError(t, os.MkdirAll(filepath.Join(dir, "mine/deeper"), 0o755))
			}
			require.NoError(t, g.Delete())
			require.NoError(t, g.Delete(), "a second time")
			if _, err := g.Stats(); !gone(err) {
				t.Errorf("statistics of a deleted group: %v, want fs.ErrNotExist", err)
			}
		})
	}
}

func TestCreateOfWhatExistsIsRefusedAndHarmsNothing(t *testing.T) {
	g := create(t, detected(t), Limits{PIDs: 33})
	_, err := g.tree.Create(g.Name(), Limits{})
	require.ErrorIs(t, err, os.ErrExist)
	s, err := g.Stats()
	require.NoError(t, err)
	if s.PIDsLimit != 33 {
		t.Errorf("the limit is %d now, want 33", s.PIDsLimit)
	}
}

func TestLimitsOfALiveGroup(t *testing.T) {
	tree := detected(t)
	g := create(t, tree, Limits{Memory: 32 << 20, MemorySwap: 32 << 20})
	_, out := start(t, g, "sleep", "60")
	line(t, out)
	for _, size := range []int64{64 << 20, 48 << 20, 256 << 20} {
		require.NoError(t, g.Set(Limits{Memory: size, MemorySwap: size}), "to %d", size)
		s, err := g.Stats()
		require.NoError(t, err)
		if s.MemoryLimit != size {
			t.Errorf("the limit is %d, want %d", s.MemoryLimit, size)
		}
	}
	require.NoError(t, g.Set(Limits{Memory: -1, MemorySwap: -1}))
	require.NoError(t, g.Set(Limits{CpusetCPUs: "0"}), "a hierarchy that the group had no directory in")
	dir, ok := g.Dir("cpuset")
	require.True(t, ok)
	procs, err := read(dir, "cgroup.procs")
	require.NoError(t, err)
	if procs == "" {
		t.Error("who was in the group did not follow it into cpuset")
	}
	s, err := g.Stats()
	require.NoError(t, err)
	if s.MemoryLimit != 0 || s.PIDs == 0 || s.CPUUsage == 0 || len(s.MemoryStat) == 0 {
		t.Errorf("after the limit was lifted: %+v", s)
	}
}

func TestMeterReadsAgain(t *testing.T) {
	g := create(t, detected(t), Limits{PIDs: 40})
	m := g.Meter()
	defer m.Close()
	before, err := m.Read()
	require.NoError(t, err)
	_, out := start(t, g, "sleep", "60")
	line(t, out)
	after, err := m.Read()
	require.NoError(t, err)
	if before.PIDs != 0 || after.PIDs == 0 || after.MemoryUsage <= before.MemoryUsage {
		t.Errorf("with a process in it the group has %d pids (before %d) and %d bytes (before %d)",
			after.PIDs, before.PIDs, after.MemoryUsage, before.MemoryUsage)
	}
	require.NoError(t, g.Kill(unix.SIGKILL))
	require.NoError(t, g.Delete())
	if _, err := m.Read(); !gone(err) {
		t.Errorf("a meter of a deleted group says %v, want fs.ErrNotExist", err)
	}
}

func TestAddMovesWhoLivesAlready(t *testing.T) {
	for name, tree := range trees(t) {
		t.Run(name, func(t *testing.T) {
			g := create(t, tree, Limits{})
			cmd := exec.Command("/proc/self/exe")
			cmd.Args = []string{"sleep", "60"}
			require.NoError(t, cmd.Start())
			defer cmd.Wait()
			defer cmd.Process.Kill()
			require.NoError(t, g.Add(cmd.Process.Pid))
			pids, err := g.PIDs()
			require.NoError(t, err)
			require.Equal(t, []int{cmd.Process.Pid}, pids)
		})
	}
}
