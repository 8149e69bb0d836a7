package sandbox

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandboxtest"
	"drydock/01-namespaces/seccomp/profile"
	"drydock/01-namespaces/undo"
)

// tryMount mounts a control group hierarchy and a proc, as the exploits of
// release_agent do, and says how each attempt ended.
func tryMount() int {
	for _, kind := range []string{"cgroup", "cgroup2", "proc", "tmpfs"} {
		fmt.Println(kind, unix.Mount(kind, "/tmp", kind, 0, ""))
	}
	fmt.Println("user", unix.Unshare(unix.CLONE_NEWUSER|unix.CLONE_NEWNS))
	fmt.Println("remount", unix.Mount("", "/proc/sys", "", unix.MS_REMOUNT|unix.MS_BIND, ""))
	fmt.Println("unmask", unix.Unmount("/proc/keys", 0))
	return 0
}

func TestControlGroupsCannotBeMounted(t *testing.T) { // CVE-2022-0492, CVE-2022-0185
	sandboxtest.NeedRoot(t)
	s := docker(t, "trymount")
	var err error
	s.Process.Seccomp, err = profile.Default(s.Process.Capabilities)
	require.NoError(t, err)
	out, _ := run(t, s)
	for _, what := range []string{"cgroup", "cgroup2", "proc", "tmpfs", "user", "remount", "unmask"} {
		has(t, out, what+" operation not permitted", "without CAP_SYS_ADMIN and behind the filter")
	}
}

func TestKernelSettingsAreReadOnly(t *testing.T) {
	sandboxtest.NeedRoot(t)
	s := docker(t, "tryopen", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/irq/default_smp_affinity", "/sys/kernel/uevent_helper", "/sys/kernel/profiling")
	out, _ := run(t, s)
	for _, name := range s.Process.Args[1:] {
		if _, err := os.Stat(name); err != nil {
			continue // this kernel has none
		}
		has(t, out, name+" open "+name+": read-only file system", "root of the container is not root of the kernel")
	}
}

// tryTrace looks into process os.Args[1] as a debugger would.
func tryTrace() int {
	_, err := os.Readlink("/proc/" + os.Args[1] + "/fd/0")
	fmt.Println("fd", err == nil)
	_, err = os.Readlink("/proc/" + os.Args[1] + "/exe")
	fmt.Println("exe", err == nil)
	return 0
}

// A child that has dropped its powers is as weak as its neighbour, but until
// execve it is still a copy of whoever spawned it.
func TestNeighbourCannotLookIntoWhoEnters(t *testing.T) { // CVE-2016-9962, CVE-2020-14298
	sandboxtest.NeedRoot(t)
	for _, hidden := range []bool{true, false} {
		s := Spec{Process: Process{Args: []string{"true"}}}
		calls := []Call{{Name: "umask", Args: []any{0o022}, Text: "nothing"}}
		if hidden {
			calls = notDumpable()
		}
		calls = join(calls, []Call{capset(capability.Default(), "be weak")}, gate("release"))
		box := spawnCalls(t, s, calls)
		neighbour := docker(t, "trytrace", fmt.Sprint(box.Pid()))
		neighbour.New = namespace.Mount // only its files are its own
		neighbour.Hostname = ""
		neighbour.Mounts, neighbour.Masked, neighbour.ReadonlyPaths = []mount.Mount{{Type: "bind", Source: "/proc", Target: "/proc"}}, nil, nil
		out, _ := run(t, neighbour)
		has(t, out, fmt.Sprintf("fd %v", !hidden), fmt.Sprintf("hidden is %v", hidden))
		has(t, out, fmt.Sprintf("exe %v", !hidden), fmt.Sprintf("hidden is %v", hidden))
	}
}

// spawnCalls is a box whose child walks these calls and waits at their gate.
func spawnCalls(t *testing.T, s Spec, calls []Call) *Sandbox {
	t.Helper()
	var way undo.Stack
	defer way.Run()
	in, err := inheritProcess(s.Process, Stdio{}, &way)
	require.NoError(t, err)
	box := &Sandbox{spec: s, pidfd: -1, control: in.ours}
	t.Cleanup(func() { box.Close() })
	require.NoError(t, box.prepare(calls, in))
	require.NoError(t, box.clone(0, in))
	require.NoError(t, box.await())
	return box
}

func TestConsoleThatIsALinkCoversNothing(t *testing.T) { // CVE-2025-52565
	sandboxtest.NeedRoot(t)
	for _, target := range []string{"/etc/passwd", "/proc/sys/kernel/core_pattern", "../etc/passwd"} {
		volume := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(volume, "pts"), 0o755))
		require.NoError(t, os.Symlink(target, filepath.Join(volume, "console")))
		s := docker(t, "cat", "/etc/passwd", "/proc/self/mountinfo")
		s.Process.Terminal = true
		s.Masked, s.ReadonlyPaths = nil, nil
		s.Mounts = []mount.Mount{s.Mounts[0], {Type: "bind", Source: volume, Target: "/dev"},
			{Type: "devpts", Target: "/dev/pts", Options: []string{"newinstance", "ptmxmode=0666"}}}
		box, err := Spawn(s, Stdio{})
		require.NoError(t, err)
		defer box.Close()
		require.NoError(t, box.Release())
		defer box.Terminal().Close()
		out, _ := io.ReadAll(box.Terminal()) // ends with EIO, as terminals do
		_, err = box.Wait()
		require.NoError(t, err)
		if !strings.HasPrefix(string(out), "root:x:0:0") {
			t.Errorf("/etc/passwd is covered: %.80q", out)
		}
		require.Regexp(t, ` /dev/console .* - devpts `, string(out), "the link itself is covered, by our own terminal")
		require.NotRegexp(t, `core_pattern|/etc/passwd`, string(out))
	}
}

func TestTerminalsOfAnotherDirectoryAreRefused(t *testing.T) { // CVE-2025-52565
	sandboxtest.NeedRoot(t)
	for pts, want := range map[string]string{"/other": "too many levels of symbolic links", "/empty": "too many levels", "": "no devpts"} {
		volume := t.TempDir()
		if pts != "" {
			require.NoError(t, os.Symlink(pts, filepath.Join(volume, "pts")))
		} else {
			require.NoError(t, os.Mkdir(filepath.Join(volume, "pts"), 0o755))
			require.NoError(t, unix.Mknod(filepath.Join(volume, "pts/ptmx"), unix.S_IFCHR|0o666, int(unix.Mkdev(5, 2))))
		}
		s := docker(t, "true")
		s.Process.Terminal = true
		s.Masked, s.ReadonlyPaths = nil, nil
		s.Mounts = []mount.Mount{s.Mounts[0], {Type: "bind", Source: volume, Target: "/dev"},
			{Type: "devpts", Target: "/other", Options: []string{"newinstance", "ptmxmode=0666"}}}
		require.ErrorContains(t, refusal(t, s), want)
	}
}

func TestTargetThatIsSwappedMeanwhile(t *testing.T) { // CVE-2021-30465
	sandboxtest.NeedRoot(t)
	dir, untouched := canary(t)
	s := docker(t, "true")
	s.Mounts = append(s.Mounts, mount.Mount{Type: "bind", Source: "/proc/version", Target: "/a/b/c/file"})
	at := func(name string) string { return filepath.Join(s.Root.Source, name) }
	require.NoError(t, os.MkdirAll(at("a/b/c"), 0o755))
	require.NoError(t, os.Symlink(dir, at("link")))
	stop := make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for {
			select {
			case <-stop:
				return
			default: // a neighbour with the same volume does this
				unix.Renameat2(unix.AT_FDCWD, at("a/b"), unix.AT_FDCWD, at("link"), unix.RENAME_EXCHANGE)
			}
		}
	})
	for range 60 {
		box, err := Spawn(s, Stdio{})
		require.NoError(t, err)
		if box.Release() == nil { // otherwise it noticed, which is as good
			box.Wait()
		}
		box.Close()
	}
	close(stop)
	swapper.Wait()
	untouched()
}
