package shim

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/02-cgroups/cgroup"
)

func TestExitCodeAndTime(t *testing.T) {
	for _, code := range []string{"0", "42", "255"} {
		before := time.Now()
		status := wait(t, run(t, bundle(t, "exit", code)))
		if status.Running || status.Exit.Signal != 0 || code != strconv.Itoa(status.Exit.Code) {
			t.Errorf("exit %s: got %+v", code, status)
		}
		if status.Exit.At.Before(before) || status.Exit.At.After(time.Now()) {
			t.Errorf("it ended at %s", status.Exit.At)
		}
	}
}

func TestSignalFromOutsideIsTheExit(t *testing.T) {
	b := bundle(t, "sleep", "1000")
	s := run(t, b)
	awaitLog(t, b, "ready")
	status, err := s.Status()
	require.NoError(t, err)
	if !status.Running || status.Pid != s.Pid() {
		t.Errorf("while it runs the status is %+v", status)
	}
	require.NoError(t, s.Signal(unix.SIGKILL))
	status = wait(t, s)
	if status.Exit.Code != 137 || status.Exit.Signal != unix.SIGKILL || status.OOMKilled {
		t.Errorf("got %+v, want 137 and no talk of memory", status)
	}
	within(t, s.Gone(), "the shim to end")
	if err := s.Signal(unix.SIGTERM); err == nil {
		t.Error("a container that is gone took a signal")
	}
}

func TestProgramMayObeyASignal(t *testing.T) {
	b := bundle(t, "sleep", "1000")
	s := run(t, b)
	awaitLog(t, b, "ready")
	require.NoError(t, s.Signal(unix.SIGTERM))
	if status := wait(t, s); status.Exit.Code != 0 || status.Exit.Signal != 0 {
		t.Errorf("got %+v", status)
	}
}

func TestMissingProgramIsAnErrorOfRelease(t *testing.T) {
	for name, want := range map[string]error{"no-such-program": fs.ErrNotExist, "/etc/passwd": fs.ErrPermission} {
		b := bundle(t, name)
		withGroup(t, &b, cgroup.Limits{})
		s := begin(t, b)
		err := s.Release()
		if !errors.Is(err, want) || !strings.Contains(err.Error(), filepath.Base(name)) {
			t.Errorf("%s: got %v, want %v with the name", name, err, want)
		}
		within(t, s.Gone(), "the shim to end")
		nothingLeft(t, b)
	}
}

func TestSpecThatCannotBeSpawned(t *testing.T) {
	b := bundle(t, "true")
	b.Log.Path = "/no/such/directory/log"
	if _, err := sealed(t).Start(b, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	b = bundle(t, "true")
	b.Log.Driver = "carrier-pigeon"
	if _, err := sealed(t).Start(b, nil); err == nil || !strings.Contains(err.Error(), "carrier-pigeon") {
		t.Errorf("got %v", err)
	}
	nothingLeft(t, b)
}

func TestKillBeforeRelease(t *testing.T) {
	b := bundle(t, "true")
	withGroup(t, &b, cgroup.Limits{})
	s := begin(t, b)
	require.NoError(t, s.Kill())
	if err := unix.Kill(s.Pid(), 0); err != unix.ESRCH {
		t.Errorf("the child is still there: %v", err)
	}
	if _, err := Exited(b.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a container that never ran left an exit: %v", err)
	}
	nothingLeft(t, b)
}

func TestKillAfterRelease(t *testing.T) {
	b := bundle(t, "sleep", "1000")
	s := run(t, b)
	require.NoError(t, s.Kill())
	if status := wait(t, s); status.Exit.Code != 137 {
		t.Errorf("got %+v", status)
	}
	nothingLeft(t, b)
}

func TestGreedyContainerIsKilledForMemory(t *testing.T) {
	b := bundle(t, "eat", "200")
	withGroup(t, &b, cgroup.Limits{Memory: 32 << 20, MemorySwap: 32 << 20})
	status := wait(t, run(t, b))
	if !status.OOMKilled || status.Exit.Code != 137 {
		t.Errorf("got %+v, want 137 and the witness of the kernel", status)
	}
}

func TestGroupHoldsTheContainerAndNotTheShim(t *testing.T) {
	b := bundle(t, "sleep", "1000")
	withGroup(t, &b, cgroup.Limits{PIDs: 20})
	s := run(t, b)
	awaitLog(t, b, "ready")
	group, err := b.Tree.Open(b.Group)
	require.NoError(t, err)
	pids, err := group.PIDs()
	require.NoError(t, err)
	if len(pids) != 1 || pids[0] != s.Pid() {
		t.Errorf("in the group are %v, want the container's process %d alone", pids, s.Pid())
	}
	require.NoError(t, s.Signal(unix.SIGKILL))
	wait(t, s)
	within(t, s.Gone(), "the shim to end")
	nothingLeft(t, b)
}

// nothingLeft looks for what a container must not leave behind.
func nothingLeft(t *testing.T, b Bundle) {
	t.Helper()
	if b.Group != "" {
		if _, err := b.Tree.Open(b.Group); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the control group is still there: %v", err)
		}
	}
	if _, err := os.Stat(filepath.Join(b.Dir, socketName)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	if strings.Contains(string(mounts), b.Spec.Root.Source) {
		t.Errorf("the host has a mount of the container:\n%s", mounts)
	}
	if pids := shims(t, b.ID); len(pids) > 0 {
		t.Errorf("shims %v are still there", pids)
	}
}

// shims lists the live processes that are shims of container id.
func shims(t *testing.T, id string) (pids []string) {
	t.Helper()
	entries, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, name := range entries {
		line, _ := os.ReadFile(name) // empty for one that waits to be reaped
		if strings.HasPrefix(string(line), processName+"\x00"+id+"\x00") {
			pids = append(pids, filepath.Base(filepath.Dir(name)))
		}
	}
	return pids
}

func TestDescriptorsStayOutside(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	b := bundle(t, "fds")
	s, err := sealed(t).Start(b, []*os.File{w})
	require.NoError(t, err)
	w.Close()
	require.NoError(t, s.Release())
	wait(t, s)
	awaitLog(t, b, "0 1 2")
	// What was to be held is open as long as the shim: now the pipe ends.
	within(t, s.Gone(), "the shim to end")
	if n, err := r.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("read %d, %v", n, err)
	}
}

func TestDaemonLeaksNothing(t *testing.T) {
	b := sealed(t)
	cycle := func() {
		s, err := b.Start(bundle(t, "true"), nil)
		require.NoError(t, err)
		require.NoError(t, s.Release())
		wait(t, s)
		within(t, s.Gone(), "the shim to end")
	}
	cycle()
	before := descriptors(t)
	for range 10 {
		cycle()
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors are open, before ten containers %d", after, before)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(entries)
}
