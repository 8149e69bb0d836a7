package sandbox

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandboxtest"
	"drydock/01-namespaces/seccomp"
)

func TestProgramSeesAWorldOfItsOwn(t *testing.T) {
	sandboxtest.NeedRoot(t)
	s := docker(t, "facts")
	s.Domainname = "sea"
	out, exit := run(t, s)
	require.Zero(t, exit.Code, out)
	has(t, out, "host ship sea", "the names of the UTS namespace")
	has(t, out, "cwd / <nil>", "it starts in /")
	has(t, out, "id 0 0 []", "it is root, without the groups of its parent")
	has(t, out, "pid 1 umask 022 home /root", "it is the first process")
	has(t, out, "fds [0 1 2]", "nothing but the standard three descriptors")
	for _, line := range []string{"CapInh:\t0000000000000000", "CapPrm:\t00000000a80425fb", "CapEff:\t00000000a80425fb",
		"CapBnd:\t00000000a80425fb", "CapAmb:\t0000000000000000"} {
		has(t, out, line, "Docker's fourteen capabilities, none to inherit")
	}
	has(t, out, "SigBlk:\t0000000000000000", "no signal is blocked")
	ignored := regexp.MustCompile(`SigIgn:\t[0-9a-f]{8}([0-9a-f]{8})`).FindStringSubmatch(out) // the tests themselves ignore SIGINT
	require.NotNil(t, ignored, out)
	// 32 is the top bit: from there on signals belong to the C library.
	if ignored[1] != "00000000" && ignored[1] != "80000000" {
		t.Errorf("no signal is ignored: the mask is %s", ignored[1])
	}
	for _, kind := range []namespace.Kind{namespace.Mount, namespace.UTS, namespace.IPC, namespace.PID, namespace.Net, namespace.Cgroup} {
		ours, err := os.Readlink(namespace.Path(os.Getpid(), kind))
		require.NoError(t, err)
		if strings.Contains(out, ours) {
			t.Errorf("the program shares our %s namespace", kind)
		}
	}
}

func TestTreeOfFiles(t *testing.T) {
	sandboxtest.NeedRoot(t)
	s := docker(t, "cat", "/proc/self/mountinfo")
	host := t.TempDir()
	s.Mounts = append(s.Mounts,
		mount.Mount{Type: "bind", Source: host, Target: "/srv/new/data", Options: []string{"rbind", "ro"}},
		mount.Mount{Type: "bind", Source: "/proc/version", Target: "/etc/a/file"})
	before, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	out, _ := run(t, s)
	table, err := mount.ReadTable(strings.NewReader(out))
	require.NoError(t, err)
	want := map[string]string{"/": "", "/proc": "proc", "/dev": "tmpfs", "/dev/pts": "devpts", "/sys": "sysfs",
		"/dev/mqueue": "mqueue", "/dev/shm": "tmpfs", "/proc/sys": "proc", "/proc/acpi": "tmpfs", "/srv/new/data": "", "/etc/a/file": ""}
	for _, e := range table {
		if kind, ok := want[e.Target]; ok && (kind == "" || kind == e.Type) {
			delete(want, e.Target)
		}
		readOnly := slices.Contains([]string{"/sys", "/proc/sys", "/srv/new/data", "/proc/acpi"}, e.Target)
		if readOnly && !slices.Contains(e.Options, "ro") {
			t.Errorf("%s must be read-only: %v", e.Target, e.Options)
		}
		if len(e.Optional) > 0 && strings.HasPrefix(e.Optional[0], "shared") {
			t.Errorf("%s is shared: mounts there would travel", e.Target)
		}
		if len(e.Optional) > 0 && e.Target == "/" {
			t.Errorf("what the host mounts below its directory would appear in the container: %v", e.Optional)
		}
	}
	require.Empty(t, want, "these mounts are missing")
	after, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	require.Equal(t, string(before), string(after), "the host must not see any of it")
}

func TestReadOnlyPathsHoldBelowOtherMounts(t *testing.T) {
	sandboxtest.NeedRoot(t)
	s := docker(t, "cat", "/proc/self/mountinfo")
	s.Mounts = append(s.Mounts, mount.Mount{Type: "tmpfs", Target: "/data"}, mount.Mount{Type: "tmpfs", Target: "/data/sub"})
	s.ReadonlyPaths = []string{"/data", "/not/there"}
	out, _ := run(t, s)
	table, err := mount.ReadTable(strings.NewReader(out))
	require.NoError(t, err)
	sealed := map[string]bool{}
	for _, e := range table { // the last of a name is on top
		sealed[e.Target] = slices.Contains(e.Options, "ro")
	}
	if !sealed["/data"] || !sealed["/data/sub"] {
		t.Errorf("something below /data can be written to:\n%s", out)
	}
}

func TestRootIsAnOverlay(t *testing.T) {
	sandboxtest.NeedRoot(t)
	base := t.TempDir()
	require.NoError(t, mount.Mount{Type: "tmpfs", Target: "/"}.At(base))
	defer mount.Unmount(base)
	s := docker(t, "true")
	for _, dir := range []string{"up", "work"} {
		require.NoError(t, os.Mkdir(filepath.Join(base, dir), 0o755))
	}
	s.Process.Dir = "/made/here"
	s.Root = mount.Mount{Type: "overlay", Source: base, Options: []string{"lowerdir=" + s.Root.Source, "upperdir=up", "workdir=work"}}
	_, exit := run(t, s)
	require.Zero(t, exit.Code)
	require.DirExists(t, filepath.Join(base, "up/made/here"), "what was written lies in the upper layer")
	_, mounted := os.Stat(filepath.Join(base, "bin"))
	require.Error(t, mounted, "the host must not see the overlay")
}

func TestMaskedAndReadOnlyPaths(t *testing.T) {
	sandboxtest.NeedRoot(t)
	s := docker(t, "tryopen", "/proc/keys", "/proc/sys/kernel/hostname", "/dev/null", "/etc/passwd")
	s.ReadOnly = true
	out, _ := run(t, s)
	has(t, out, "/proc/keys EOF", "a masked file is as empty as /dev/null")
	has(t, out, "/proc/sys/kernel/hostname open /proc/sys/kernel/hostname: read-only file system", "/proc/sys is sealed")
	has(t, out, "/dev/null EOF", "devices work on a read-only root")
	has(t, out, "/etc/passwd open /etc/passwd: read-only file system", "the root is sealed")
}

func TestExitCodes(t *testing.T) {
	sandboxtest.NeedRoot(t)
	for _, c := range []struct {
		args []string
		want Exit
	}{
		{[]string{"true"}, Exit{}},
		{[]string{"exit", "7"}, Exit{Code: 7}},
	} {
		_, got := run(t, docker(t, c.args...))
		if got.Code != c.want.Code || got.Signal != 0 || time.Since(got.At) > time.Minute {
			t.Errorf("%v ended with %+v, want %+v", c.args, got, c.want)
		}
	}
	box, err := Spawn(docker(t, "sleep", "60"), Stdio{})
	require.NoError(t, err)
	defer box.Close()
	require.NoError(t, box.Release())
	require.NoError(t, box.Signal(unix.SIGKILL))
	exit, err := box.Wait()
	require.NoError(t, err)
	if exit.Code != 137 || exit.Signal != unix.SIGKILL {
		t.Errorf("killed by SIGKILL it ended with %+v, want 137", exit)
	}
	if err := box.Signal(unix.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("a signal to a dead process: %v", err)
	}
}

func TestErrorsNameTheCallThatFailed(t *testing.T) {
	sandboxtest.NeedRoot(t)
	for _, c := range []struct {
		change func(*Spec)
		want   string
		is     error
	}{
		{func(s *Spec) { s.Mounts = append(s.Mounts, mount.Mount{Type: "nofs", Target: "/x"}) }, "mount nofs on /x: no such device", unix.ENODEV},
		{func(s *Spec) { s.Root.Source = "/nowhere" }, "open /nowhere: no such file or directory", fs.ErrNotExist},
		{func(s *Spec) { s.Process.Args = []string{"nope"} }, `exec: "nope": executable file not found in $PATH`, fs.ErrNotExist},
		{func(s *Spec) { s.Process.User = "bob" }, "unable to find user bob: no matching entries in passwd file", nil},
		{func(s *Spec) { s.Process.Args = []string{"/bin/script"} }, "exec /bin/script: exec format error", unix.ENOEXEC},
		{func(s *Spec) { s.Process.Dir = "/etc/passwd" }, `chdir to "/etc/passwd": not a directory`, unix.ENOTDIR},
		{func(s *Spec) { s.Process.Rlimits = []Rlimit{{Type: 99}} }, "set resource limit 99 to 0:0: invalid argument", unix.EINVAL},
	} {
		s := docker(t, "true")
		require.NoError(t, os.WriteFile(filepath.Join(s.Root.Source, "bin/script"), []byte("no program"), 0o755))
		c.change(&s)
		err := refusal(t, s)
		if err.Error() != c.want || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("the error says %q, want %q", err, c.want)
		}
	}
}

func TestUserGroupsAndDirectory(t *testing.T) {
	sandboxtest.NeedRoot(t)
	s := docker(t, "facts")
	s.Process.User, s.Process.Groups, s.Process.Dir = "alice", []string{"7", "boat"}, "/work/here"
	s.Process.NoNewPrivileges = true
	s.Process.Rlimits = []Rlimit{{Type: unix.RLIMIT_CORE, Soft: 77, Hard: 99}}
	score := 321
	s.Process.OOMScore = &score
	out, _ := run(t, s)
	has(t, out, "id 1000 1000 [7 50]", "alice with her groups and one more")
	has(t, out, "cwd /work/here <nil>", "the directory is made")
	has(t, out, "pid 1 umask 022 home /home/alice", "her home")
	has(t, out, "CapEff:\t0000000000000000", "another user than root has no capabilities")
	has(t, out, "CapBnd:\t00000000a80425fb", "they only bound")
	has(t, out, "NoNewPrivs:\t1", "no new privileges")
	s.Process.Args = []string{"cat", "/proc/self/limits", "/proc/self/oom_score_adj"}
	out, _ = run(t, s)
	has(t, strings.Join(strings.Fields(out), "\n"), "77", "the limit of core files")
	has(t, out, "321", "the OOM score")
}

func TestFilterIsInstalledWithAndWithoutNewPrivileges(t *testing.T) {
	sandboxtest.NeedRoot(t)
	for _, user := range []string{"", "alice"} {
		for _, nnp := range []bool{true, false} {
			s := docker(t, "facts")
			s.Process.User, s.Process.NoNewPrivileges = user, nnp
			s.Process.Seccomp = seccomp.Program{{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW}}
			out, _ := run(t, s)
			has(t, out, "Seccomp:\t2", "the filter is there")
			has(t, out, "CapAmb:\t0000000000000000", "nothing was kept")
			if user != "" {
				has(t, out, "CapPrm:\t0000000000000000", "what the filter needed was dropped again")
			}
		}
	}
}

func TestSysctlsAndDevices(t *testing.T) {
	sandboxtest.NeedRoot(t)
	s := docker(t, "cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start", "/proc/sys/kernel/msgmax")
	s.Sysctls = map[string]string{"net.ipv4.ip_unprivileged_port_start": "77", "kernel.msgmax": "4321"}
	out, _ := run(t, s)
	require.Equal(t, "77\n4321\n", out)
	s = docker(t, "tryopen", "/dev/zero", "/dev/sub/mine", "/dev/full")
	s.Devices = []Device{{Path: "/dev/sub/mine", Type: "c", Major: 1, Minor: 5, Mode: 0o600}}
	out, _ = run(t, s)
	require.Equal(t, "/dev/zero <nil>\n/dev/sub/mine <nil>\n/dev/full <nil>\n", out)
	s.Process.User = "alice"
	out, _ = run(t, s)
	has(t, out, "/dev/sub/mine open /dev/sub/mine: permission denied", "it is root's")
	s.Devices[0].UID = 1000
	out, _ = run(t, s)
	has(t, out, "/dev/sub/mine <nil>", "it is alice's")
}

func TestUserNamespace(t *testing.T) {
	sandboxtest.NeedRoot(t)
	s := docker(t, "facts")
	s.New |= namespace.User
	s.UIDs = []IDMap{{Inside: 0, Outside: 100000, Count: 65536}}
	s.GIDs = s.UIDs
	s.Process.User = "alice"
	require.NoError(t, os.Chmod(filepath.Dir(s.Root.Source), 0o755))
	require.NoError(t, os.Chmod(filepath.Dir(filepath.Dir(s.Root.Source)), 0o755))
	for _, dir := range []string{"mnt", "dev", "proc", "sys"} {
		os.MkdirAll(filepath.Join(s.Root.Source, dir), 0o755)
	}
	out, exit := run(t, s)
	require.Zero(t, exit.Code, out)
	has(t, out, "id 1000 1000 [50]", "ids are those inside")
	s.Process.User, s.Process.Args = "", []string{"cat", "/proc/self/uid_map"}
	out, _ = run(t, s)
	require.Equal(t, []string{"0", "100000", "65536"}, strings.Fields(out))
	s.Process.Args = []string{"tryopen", "/dev/null", "/dev/zero"}
	out, _ = run(t, s)
	require.Equal(t, "/dev/null EOF\n/dev/zero <nil>\n", out, "the host's devices")
}

func TestNamespacesThatExistAreJoined(t *testing.T) {
	sandboxtest.NeedRoot(t)
	first, err := Spawn(docker(t, "sleep", "60"), Stdio{})
	require.NoError(t, err)
	defer first.Close()
	require.NoError(t, first.Release())
	s := docker(t, "facts")
	s.New &^= namespace.PID | namespace.Net | namespace.UTS
	s.Hostname = ""
	for _, kind := range []namespace.Kind{namespace.PID, namespace.Net, namespace.UTS} {
		s.Join = append(s.Join, namespace.Path(first.Pid(), kind))
	}
	before, err := os.Readlink("/proc/self/ns/pid_for_children")
	require.NoError(t, err)
	out, _ := run(t, s)
	has(t, out, "host ship (none)", "the UTS namespace of the first")
	for _, kind := range []namespace.Kind{namespace.PID, namespace.Net} {
		theirs, err := os.Readlink(namespace.Path(first.Pid(), kind))
		require.NoError(t, err)
		has(t, out, "ns "+theirs, "the "+kind.String()+" namespace of the first")
	}
	after, err := os.Readlink("/proc/self/ns/pid_for_children")
	require.NoError(t, err)
	require.Equal(t, before, after, "our own children must stay in our PID namespace")
	require.NoError(t, first.Signal(unix.SIGKILL))
	first.Wait()
}

// onTerminal runs args on a terminal and returns our end of it.
func onTerminal(t *testing.T, args ...string) (*Sandbox, *os.File) {
	t.Helper()
	s := docker(t, args...)
	s.Process.Terminal, s.Process.Rows, s.Process.Columns = true, 33, 101
	box, err := Spawn(s, Stdio{})
	require.NoError(t, err)
	t.Cleanup(func() { box.Close() })
	require.NoError(t, box.Release())
	tty := box.Terminal()
	require.NotNil(t, tty)
	t.Cleanup(func() { tty.Close() })
	return box, tty
}

// twice types a line and reads it two times: the terminal's echo, and the
// program, which has started then.
func twice(t *testing.T, tty *os.File, typed string) {
	t.Helper()
	_, err := io.WriteString(tty, typed)
	require.NoError(t, err)
	const want = "hello\r\nhello\r\n"
	got := make([]byte, len(want))
	_, err = io.ReadFull(tty, got)
	require.NoError(t, err, "got %q", got)
	require.Equal(t, want, string(got))
}

func TestTerminal(t *testing.T) {
	sandboxtest.NeedRoot(t)
	box, tty := onTerminal(t, "cat", "/dev/console")
	size, err := unix.IoctlGetWinsize(int(tty.Fd()), unix.TIOCGWINSZ)
	require.NoError(t, err)
	require.Equal(t, unix.Winsize{Row: 33, Col: 101}, *size)
	twice(t, tty, "hello\n\x04") // ctrl-d: the console has ended
	exit, err := box.Wait()
	require.NoError(t, err)
	require.Zero(t, exit.Code)
}

func TestTerminalControlsItsProgram(t *testing.T) {
	sandboxtest.NeedRoot(t)
	box, tty := onTerminal(t, "cat")
	twice(t, tty, "hello\n")
	_, err := tty.Write([]byte{3}) // ctrl-c is SIGINT for whom the terminal controls
	require.NoError(t, err)
	exit, err := box.Wait()
	require.NoError(t, err)
	require.Equal(t, 2, exit.Code, "a Go program that SIGINT may not kill, being process 1, ends itself with 2")
}

func TestCloseBeforeReleaseLeavesNothing(t *testing.T) {
	sandboxtest.NeedRoot(t)
	before := descriptors()
	box, err := Spawn(docker(t, "true"), Stdio{})
	require.NoError(t, err)
	pid := box.Pid()
	require.NoError(t, box.Close())
	require.Equal(t, unix.ESRCH, unix.Kill(pid, 0), "the child must be gone and reaped")
	require.Equal(t, before, descriptors(), "no descriptor may be left open")
	require.Error(t, box.Release())
}

func TestChildDiesWithItsParent(t *testing.T) {
	sandboxtest.NeedRoot(t)
	r, w, err := os.Pipe()
	require.NoError(t, err)
	parent, err := os.StartProcess("/proc/self/exe", []string{"spawner"}, &os.ProcAttr{Files: []*os.File{nil, w, w}})
	require.NoError(t, err)
	w.Close()
	line := make([]byte, 64)
	n, err := r.Read(line)
	require.NoError(t, err)
	child := number(t, strings.TrimSpace(string(line[:n])))
	pidfd, err := unix.PidfdOpen(child, 0)
	require.NoError(t, err)
	defer unix.Close(pidfd)
	require.NoError(t, parent.Kill())
	parent.Wait()
	ready, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, 10_000)
	require.NoError(t, err)
	require.Equal(t, 1, ready, "the child must die when nobody is left to release it")
}

func TestDefaultsAreComplete(t *testing.T) {
	if !capability.Default().Has(unix.CAP_NET_BIND_SERVICE) || len(DefaultMounts()) != 6 {
		t.Error("the defaults are not Docker's")
	}
}
