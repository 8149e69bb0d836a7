package sandbox

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandboxtest"
)

func number(t testing.TB, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return n
}

// sleeper is a box that stays.
func sleeper(t testing.TB, s Spec) *Sandbox {
	t.Helper()
	box, err := Spawn(s, Stdio{})
	require.NoError(t, err)
	require.NoError(t, box.Release())
	t.Cleanup(func() {
		box.Signal(unix.SIGKILL)
		box.Wait()
		box.Close()
	})
	return box
}

// enter runs one more process in the box.
func enter(t testing.TB, box *Sandbox, p Process) (string, Exit) {
	t.Helper()
	return finish(t, func(stdio Stdio) (*Sandbox, error) { return Enter(box.Pid(), p, stdio) })
}

func TestEnterSeesTheSameWorld(t *testing.T) {
	sandboxtest.NeedRoot(t)
	box := sleeper(t, docker(t, "sleep", "60"))
	out, exit := enter(t, box, Process{Args: []string{"facts"}, Env: []string{"PATH=/bin"}, User: "alice", Capabilities: capability.Default()})
	require.Zero(t, exit.Code, out)
	has(t, out, "host ship (none)", "the same host name")
	has(t, out, "id 1000 1000 [50]", "users are those of the container")
	has(t, out, "fds [0 1 2]", "no descriptor of ours")
	has(t, out, "CapInh:\t0000000000000000", "nothing to inherit")
	has(t, out, "CapBnd:\t00000000a80425fb", "the bounding set holds here, too")
	for _, kind := range []namespace.Kind{namespace.Mount, namespace.UTS, namespace.IPC, namespace.PID, namespace.Net, namespace.Cgroup} {
		theirs, err := os.Readlink(namespace.Path(box.Pid(), kind))
		require.NoError(t, err)
		has(t, out, "ns "+theirs, "the same "+kind.String()+" namespace")
	}
}

func TestEnterUserNamespace(t *testing.T) {
	sandboxtest.NeedRoot(t)
	s := docker(t, "sleep", "60")
	s.New |= namespace.User
	s.UIDs = []IDMap{{Inside: 0, Outside: 0, Count: 65536}}
	s.GIDs = s.UIDs
	box := sleeper(t, s)
	theirs, err := os.Readlink(namespace.Path(box.Pid(), namespace.User))
	require.NoError(t, err)
	out, _ := enter(t, box, Process{Args: []string{"/bin/facts"}, Capabilities: capability.Default()})
	has(t, out, "ns "+theirs, "a threaded process cannot enter a user namespace, its child can")
	has(t, out, "id 0 0 []", "root inside")
}

func TestEnterErrors(t *testing.T) {
	sandboxtest.NeedRoot(t)
	box := sleeper(t, docker(t, "sleep", "60"))
	before := descriptors()
	for _, c := range []struct {
		p    Process
		want string
	}{
		{Process{Args: []string{"nope"}}, `exec: "nope": executable file not found in $PATH`},
		{Process{Args: []string{"true"}, User: "bob"}, "unable to find user bob: no matching entries in passwd file"},
		{Process{Args: []string{"true"}, Dir: "/nowhere"}, `chdir to "/nowhere": no such file or directory`},
		{Process{}, "no command specified"},
	} {
		_, err := Enter(box.Pid(), c.p, Stdio{})
		if err == nil || err.Error() != c.want {
			t.Errorf("the error says %v, want %q", err, c.want)
		}
	}
	if _, err := Enter(1<<22-1, Process{Args: []string{"true"}}, Stdio{}); !errors.Is(err, unix.ESRCH) && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nobody to join: %v", err)
	}
	require.Equal(t, before, descriptors(), "no descriptor may be left open")
}

func TestEnterTerminal(t *testing.T) {
	sandboxtest.NeedRoot(t)
	box := sleeper(t, docker(t, "sleep", "60"))
	other, err := Enter(box.Pid(), Process{Args: []string{"/bin/cat", "/dev/tty"}, Terminal: true, Rows: 5, Columns: 7}, Stdio{})
	require.NoError(t, err)
	defer other.Close()
	tty := other.Terminal()
	defer tty.Close()
	_, err = tty.Write([]byte{3})
	require.NoError(t, err)
	exit, err := other.Wait()
	require.NoError(t, err)
	require.Equal(t, unix.SIGINT, exit.Signal, "ctrl-c reaches the session of the terminal")
}

// Directories in the image that are not what they seem: none may lead out.
func TestWorkingDirectoryCannotLeadOut(t *testing.T) {
	sandboxtest.NeedRoot(t)
	box := sleeper(t, docker(t, "sleep", "60"))
	for fd := 3; fd <= 20; fd++ {
		dir := "/proc/self/fd/" + strconv.Itoa(fd)
		s := docker(t, "facts")
		s.Process.Dir = dir
		if err := refusal(t, s); !strings.Contains(err.Error(), "working directory") {
			t.Errorf("run in %s: %v", dir, err)
		}
		if _, err := Enter(box.Pid(), Process{Args: []string{"facts"}, Dir: dir}, Stdio{}); err == nil {
			t.Errorf("exec in %s should be refused: CVE-2024-21626", dir)
		}
	}
}

func TestLinksOfProcAreNoWorkingDirectory(t *testing.T) { // CVE-2024-21626
	sandboxtest.NeedRoot(t)
	box := sleeper(t, docker(t, "sleep", "60"))
	for _, dir := range []string{"/proc/1/root", "/proc/self/cwd", "/proc/1/root/etc"} {
		_, err := Enter(box.Pid(), Process{Args: []string{"/bin/true"}, Dir: dir}, Stdio{})
		require.ErrorIs(t, err, unix.ELOOP, dir)
	}
}

func TestInputReachesTheProgram(t *testing.T) {
	sandboxtest.NeedRoot(t)
	box := sleeper(t, docker(t, "sleep", "60"))
	in, w, err := os.Pipe()
	require.NoError(t, err)
	_, err = io.WriteString(w, "word")
	require.NoError(t, err)
	w.Close()
	out, _ := finish(t, func(stdio Stdio) (*Sandbox, error) {
		stdio.In = in
		return Enter(box.Pid(), Process{Args: []string{"cat"}}, stdio)
	})
	require.Equal(t, "word", out)
}
