package shim

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/02-cgroups/cgroup"
)

// A daemon is another process that starts a container, and can be killed.
type daemon struct {
	cmd *exec.Cmd
	pid int // of the container
}

func startDaemon(t *testing.T, b Bundle, how string) daemon {
	t.Helper()
	text, err := json.Marshal(b)
	require.NoError(t, err)
	cmd := exec.Command("/proc/self/exe", how)
	cmd.Args[0] = "starter"
	cmd.Stdin = strings.NewReader(string(text))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	require.NoError(t, err, line)
	return daemon{cmd, pid}
}

// kill is kill -9, and waits until the kernel has closed everything.
func (d daemon) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, d.cmd.Process.Kill())
	d.cmd.Wait()
}

func TestContainerOutlivesItsDaemon(t *testing.T) {
	b := bundle(t, "talk")
	b.OpenStdin = true
	withGroup(t, &b, cgroup.Limits{PIDs: 50})
	d := startDaemon(t, b, "release")
	awaitLog(t, b, "out")
	d.kill(t)

	s, err := Connect(b.Dir)
	require.NoError(t, err)
	if s.Pid() != d.pid {
		t.Errorf("the next daemon found process %d, want %d", s.Pid(), d.pid)
	}
	client, _ := attach(t, s, Attach{Stdin: true, Stdout: true})
	client.Write([]byte("still here?\n"))
	awaitLog(t, b, "heard still here?")
	_, err = s.Exec(nil, command("x", "exit", "4"))
	require.NoError(t, err)
	if exit := waitExec(t, s, "x"); exit.Code != 4 {
		t.Errorf("exec after the daemon's death: %+v", exit)
	}
	require.NoError(t, s.Signal(unix.SIGKILL))
	if status := wait(t, s); status.Exit.Code != 137 {
		t.Errorf("got %+v", status)
	}
	within(t, s.Gone(), "the shim to end")
	nothingLeft(t, b)
}

func TestExitThatNoDaemonSaw(t *testing.T) {
	b := bundle(t, "talk")
	b.OpenStdin, b.StdinOnce = true, true
	d := startDaemon(t, b, "release")
	awaitLog(t, b, "out")
	s, err := Connect(b.Dir)
	require.NoError(t, err)
	client, _ := attach(t, s, Attach{Stdin: true})
	d.kill(t)
	require.NoError(t, client.CloseWrite()) // the last word: it ends with 7
	within(t, s.Gone(), "the shim to end")

	status, err := Exited(b.Dir)
	require.NoError(t, err)
	if status.Exit.Code != 7 || status.Running || status.Exit.At.IsZero() {
		t.Errorf("exit.json says %+v", status)
	}
	if _, err := Connect(b.Dir); err == nil {
		t.Error("a shim that is gone answered")
	}
	if got := logged(t, b); !strings.HasSuffix(got, "bye\n") {
		t.Errorf("the log ends %q", got)
	}
}

func TestDaemonDiesBeforeTheRelease(t *testing.T) {
	b := bundle(t, "talk")
	withGroup(t, &b, cgroup.Limits{})
	d := startDaemon(t, b, "wait")
	s, err := Connect(b.Dir)
	require.NoError(t, err)
	d.kill(t)
	within(t, s.Gone(), "the shim to undo everything")
	if err := unix.Kill(d.pid, 0); err != unix.ESRCH {
		t.Errorf("the child is still there: %v", err)
	}
	if _, err := Exited(b.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a container that never ran left an exit: %v", err)
	}
	nothingLeft(t, b)
}

func TestAttachedClientOutlivesTheDaemon(t *testing.T) {
	b := bundle(t, "talk")
	b.OpenStdin, b.StdinOnce = true, true
	d := startDaemon(t, b, "release")
	s, err := Connect(b.Dir)
	require.NoError(t, err)
	client, _ := attach(t, s, Attach{Stdin: true, Stdout: true})
	d.kill(t)
	_, err = client.Write([]byte("hello\n"))
	require.NoError(t, err)
	require.NoError(t, client.CloseWrite())
	if out, _ := everything(t, client); !strings.HasSuffix(out, "heard hello\nbye\n") {
		t.Errorf("got %q", out)
	}
}

func TestStrangersWordsDoNoHarm(t *testing.T) {
	b := bundle(t, "sleep", "1000")
	s := run(t, b)
	for _, words := range []string{"", "\x00", "\xff\xff\xff\xff", "\x00\x00\x00\x02{]", "\x00\x00\x00\x0a{\"Op\":\"x\"}"} {
		w, err := dial(b.Dir)
		require.NoError(t, err)
		_, err = io.WriteString(w.f, words)
		require.NoError(t, err)
		w.close()
	}
	if status, err := s.Status(); err != nil || !status.Running {
		t.Errorf("got %+v, %v", status, err)
	}
	if _, err := os.Stat(b.Dir); err != nil {
		t.Error(err)
	}
}
