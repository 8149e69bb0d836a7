package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandboxtest"
)

// waiting is a box whose child stands at its gate.
func waiting(t *testing.T, s Spec) *Sandbox {
	t.Helper()
	box, err := Spawn(s, Stdio{})
	require.NoError(t, err)
	t.Cleanup(func() { box.Close() })
	require.NoError(t, box.await())
	return box
}

// status is a line of /proc/PID/status without its name.
func status(t *testing.T, task, key string) string {
	t.Helper()
	b, err := os.ReadFile("/proc/" + task + "/status")
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^` + key + `:\t(.*)$`).FindStringSubmatch(string(b))
	require.NotNil(t, found, "no %s in %s", key, b)
	return found[1]
}

func TestWaitingChildHasNoneOfGosHandlers(t *testing.T) {
	box := waiting(t, Spec{Process: Process{Args: []string{"true"}}})
	pid := fmt.Sprint(box.Pid())
	if caught := status(t, pid, "SigCgt"); caught != "0000000000000000" {
		t.Errorf("the child would run Go's handlers for %s without Go's threads", caught)
	}
	if blocked := status(t, pid, "SigBlk"); blocked != "fffffffffffbfeff" { // all but SIGKILL and SIGSTOP
		t.Errorf("the child can be interrupted: it blocks %s", blocked)
	}
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGURG, unix.SIGPIPE, unix.SIGCHLD} {
		require.NoError(t, box.Signal(sig))
	}
	if pending := status(t, pid, "ShdPnd"); pending != "0000000000415000" {
		t.Errorf("signals %s wait for the child, want all four", pending)
	}
}

func TestSpawningThreadGetsItsSignalsBack(t *testing.T) {
	for range 20 {
		waiting(t, Spec{Process: Process{Args: []string{"true"}}}).Close()
	}
	for _, task := range tasks(t) {
		if blocked := status(t, "self/task/"+task, "SigBlk"); blocked != "0000000000000000" {
			t.Errorf("thread %s still blocks %s: Go's scheduler needs SIGURG", task, blocked)
		}
	}
}

func TestPendingSignalReachesTheProgramAtOnce(t *testing.T) {
	sandboxtest.NeedRoot(t)
	s := docker(t, "sleep", "60")
	s.New &^= namespace.PID // a first process does not hear what it has no handler for
	s.Mounts = s.Mounts[1:] // and a proc of its own needs that namespace
	box := waiting(t, s)
	require.NoError(t, box.Signal(unix.SIGTERM))
	as := program{path: "/bin/sleep", args: s.Process.Args, dir: "/"}
	require.NoError(t, box.finish(s.afterGate(as), -1))
	exit, err := box.Wait()
	require.NoError(t, err)
	require.Equal(t, unix.SIGTERM, exit.Signal, "what was sent while it waited is delivered when signals are unblocked")
}

func TestNamespacesAreHeldUntilTheExitIsTold(t *testing.T) {
	sandboxtest.NeedRoot(t)
	box, err := Spawn(docker(t, "true"), Stdio{})
	require.NoError(t, err)
	defer box.Close()
	require.NoError(t, box.Release())
	_, err = box.Wait()
	require.NoError(t, err)
	var held []string
	for _, link := range opened() {
		if kind, _, ok := strings.Cut(link, ":["); ok && (kind == "mnt" || kind == "net") {
			held = append(held, kind)
		}
	}
	slices.Sort(held)
	require.Equal(t, []string{"mnt", "net"}, held, "tearing them down would have made Wait wait")
	require.NoError(t, box.Close())
	for _, link := range opened() {
		if strings.HasPrefix(link, "mnt:[") || strings.HasPrefix(link, "net:[") {
			t.Errorf("after Close %s is still held", link)
		}
	}
	require.NoError(t, box.Close(), "twice is as good as once")
}

func TestDescriptorsWithoutCloseOnExecStayBehind(t *testing.T) {
	sandboxtest.NeedRoot(t)
	for range 3 { // as of a shell that started us
		fd, err := unix.FcntlInt(0, unix.F_DUPFD, 200)
		require.NoError(t, err)
		defer unix.Close(fd)
	}
	out, _ := run(t, docker(t, "facts"))
	has(t, out, "fds [0 1 2]", "only the standard three reach the program")
	box := sleeper(t, docker(t, "sleep", "60"))
	out, _ = enter(t, box, Process{Args: []string{"/bin/facts"}})
	has(t, out, "fds [0 1 2]", "nor do they by exec")
}

func TestWeAreHomeAfterAClone(t *testing.T) {
	sandboxtest.NeedRoot(t)
	box := sleeper(t, docker(t, "sleep", "60"))
	fd, err := unix.Open(namespace.Path(box.Pid(), namespace.PID), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	ours, err := os.Readlink("/proc/self/ns/pid")
	require.NoError(t, err)
	var before, during, after string
	look := func() string { link, _ := os.Readlink("/proc/thread-self/ns/pid_for_children"); return link }
	namespace.Aside(func() error { // one thread for all of it
		before = look()
		err = inPIDNamespace(fd, func() { during = look() })
		after = look()
		return nil
	})
	require.NoError(t, err)
	if before != ours || after != ours || during == ours {
		t.Errorf("children would be born into %s, then %s, then %s; ours is %s", before, during, after, ours)
	}
	require.ErrorContains(t, inPIDNamespace(0, func() { t.Error("standard input is no namespace") }), "enter PID namespace")
}

func TestChildThatDiedIsNotReleased(t *testing.T) {
	sandboxtest.NeedRoot(t)
	box := waiting(t, docker(t, "true"))
	require.NoError(t, box.Signal(unix.SIGKILL))
	_, err := box.Wait()
	require.NoError(t, err)
	require.Error(t, box.Release())
}

func TestEndOfFileAtTheGateIsTheEnd(t *testing.T) {
	never := Call{Name: "chdir", Args: []any{"/nowhere"}, Text: "go on"}
	box := spawnCalls(t, Spec{}, append(gate("release"), never))
	require.NoError(t, unix.Shutdown(box.control, unix.SHUT_WR)) // as if we had died, but we still listen
	r, ok, err := box.hear()
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, report{1, uint64(unix.EPIPE)}, r, "it must not go on without its parent's word")
	exit, err := box.Wait()
	require.NoError(t, err)
	require.Equal(t, 125, exit.Code)
}

func TestReleaseWorksOnce(t *testing.T) {
	sandboxtest.NeedRoot(t)
	box := sleeper(t, docker(t, "sleep", "60"))
	require.ErrorContains(t, box.Release(), "released before")
}

func TestAllWhoWaitHearTheSame(t *testing.T) {
	sandboxtest.NeedRoot(t)
	box, err := Spawn(docker(t, "exit", "3"), Stdio{})
	require.NoError(t, err)
	defer box.Close()
	exits := make([]Exit, 8)
	var all sync.WaitGroup
	for i := range exits {
		all.Go(func() { exits[i], _ = box.Wait() })
	}
	require.NoError(t, box.Release())
	all.Wait()
	for _, e := range exits {
		require.Equal(t, exits[0], e)
	}
	require.Equal(t, 3, exits[0].Code)
}

func TestReportOfACallThatIsNotThere(t *testing.T) {
	s := &Sandbox{pid: 7, calls: [][]Call{{{Text: "first"}}, {{Text: "second"}}}}
	for i, want := range []string{"first: no such file or directory", "second: no such file or directory", "process 7 reports call 2, which it does not have"} {
		if got := s.explain(report{call: uint64(i), errno: uint64(unix.ENOENT)}).Error(); got != want {
			t.Errorf("call %d: %q, want %q", i, got, want)
		}
	}
}

func TestLostWordIsNoReport(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	s := &Sandbox{control: pair[0], pidfd: -1}
	defer s.letGo()
	_, err = unix.Write(pair[1], []byte("half"))
	require.NoError(t, err)
	unix.Close(pair[1])
	if r, ok, err := s.hear(); ok || err != nil {
		t.Errorf("four bytes are no report: %+v, %v", r, err)
	}
	if err := s.await(); err == nil || !strings.Contains(err.Error(), "died before its release") {
		t.Errorf("the end of the socket means death: %v", err)
	}
}

func TestStandardDescriptorsMayHaveAnyNumbers(t *testing.T) {
	sandboxtest.NeedRoot(t)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	require.NoError(t, os.WriteFile(in, []byte("word"), 0o644))
	from, err := os.Open(in)
	require.NoError(t, err)
	defer from.Close()
	to, err := os.Create(out)
	require.NoError(t, err)
	defer to.Close()
	// The program's output is a descriptor of a lower number than its input.
	box, err := Spawn(docker(t, "cat"), Stdio{In: from, Out: to, Err: os.Stdin})
	require.NoError(t, err)
	defer box.Close()
	require.NoError(t, box.Release())
	_, err = box.Wait()
	require.NoError(t, err)
	b, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, "word", string(b))
}
