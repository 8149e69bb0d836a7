package shim

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/namespace"
	"drydock/02-cgroups/cgroup"
	"drydock/07-daemon/stdio"
)

func TestAttachBeforeReleaseSeesEverything(t *testing.T) {
	b := bundle(t, "talk")
	s := begin(t, b)
	client, done := attach(t, s, all)
	require.NoError(t, s.Release())
	out, errs := everything(t, client)
	if out != "out\nbye\n" || errs != "err\n" {
		t.Errorf("got %q and %q", out, errs)
	}
	within(t, done, "the shim to let go of the connection")
	if status := wait(t, s); status.Exit.Code != 7 {
		t.Errorf("got %+v", status)
	}
}

func TestHalfCloseEndsTheInputAndOutputGoesOn(t *testing.T) {
	b := bundle(t, "talk")
	b.OpenStdin, b.StdinOnce = true, true
	s := begin(t, b)
	client, _ := attach(t, s, all)
	require.NoError(t, s.Release())
	_, err := client.Write([]byte("one\ntwo\n"))
	require.NoError(t, err)
	require.NoError(t, client.CloseWrite())
	out, _ := everything(t, client)
	if out != "out\nheard one\nheard two\nbye\n" {
		t.Errorf("got %q", out)
	}
}

func TestClientWithoutInputMayHalfClose(t *testing.T) {
	b := bundle(t, "sleep", "1000")
	s := begin(t, b)
	client, done := attach(t, s, Attach{Stdout: true})
	require.NoError(t, client.CloseWrite()) // what `docker run` does without -i
	require.NoError(t, s.Release())
	frames := stdio.NewFrameReader(client)
	_, _, err := frames.Next()
	require.NoError(t, err, "the output must go on")
	require.NoError(t, client.Close())
	within(t, done, "a silent container to notice that its client is gone")
}

func TestInputStaysOpenForTheNext(t *testing.T) {
	b := bundle(t, "talk")
	b.OpenStdin = true
	s := run(t, b)
	for _, name := range []string{"one", "two"} {
		client, done := attach(t, s, Attach{Stdin: true})
		_, err := client.Write([]byte(name + "\n"))
		require.NoError(t, err)
		require.NoError(t, client.CloseWrite())
		within(t, done, "a client whose input ended to be let go")
		awaitLog(t, b, "heard "+name)
	}
}

func TestNobodyReadsTheInput(t *testing.T) {
	b := bundle(t, "true")
	b.OpenStdin, b.StdinOnce = true, true
	s := begin(t, b)
	client, done := attach(t, s, all)
	require.NoError(t, s.Release())
	go io.Copy(client, zeros{}) // more than any buffer holds
	wait(t, s)
	within(t, done, "the end of a connection that writes on")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestSeveralClientsSeeTheSame(t *testing.T) {
	s := begin(t, bundle(t, "talk"))
	one, _ := attach(t, s, all)
	two, _ := attach(t, s, Attach{Stderr: true})
	require.NoError(t, s.Release())
	if out, errs := everything(t, one); out != "out\nbye\n" || errs != "err\n" {
		t.Errorf("the first got %q and %q", out, errs)
	}
	if out, errs := everything(t, two); out != "" || errs != "err\n" {
		t.Errorf("the second asked for stderr alone and got %q and %q", out, errs)
	}
}

func TestLogAndClientGetEveryByte(t *testing.T) {
	b := bundle(t, "flood")
	s := begin(t, b)
	client, _ := attach(t, s, Attach{Stdout: true})
	require.NoError(t, s.Release())
	out, _ := everything(t, client)
	want := strings.Repeat(strings.Repeat("x", 99)+"\n", 10000)
	if out != want {
		t.Errorf("the client got %d bytes, want %d", len(out), len(want))
	}
	wait(t, s)
	if got := logged(t, b); got != want {
		t.Errorf("the log holds %d bytes, want %d", len(got), len(want))
	}
}

// logged is all output that the log keeps.
func logged(t *testing.T, b Bundle) string {
	t.Helper()
	r, err := stdio.ReadLog(b.Log.Path, stdio.Query{Tail: -1})
	require.NoError(t, err)
	defer r.Close()
	var text strings.Builder
	for {
		e, err := r.Next(t.Context())
		if err == io.EOF {
			return text.String()
		}
		require.NoError(t, err)
		text.Write(e.Line)
	}
}

func TestSlowClientLosesNothing(t *testing.T) {
	b := bundle(t, "flood")
	s := begin(t, b)
	client, _ := attach(t, s, Attach{Stdout: true})
	require.NoError(t, s.Release())
	head := make([]byte, 100)
	_, err := io.ReadFull(client, head)
	require.NoError(t, err)
	rest, err := io.ReadAll(client)
	require.NoError(t, err)
	out, _ := everything(t, io.MultiReader(bytes.NewReader(head), bytes.NewReader(rest)))
	if len(out) != 1000000 {
		t.Errorf("got %d bytes of a million", len(out))
	}
}

func TestClientThatLeavesHoldsUpNobody(t *testing.T) {
	b := bundle(t, "flood")
	s := begin(t, b)
	client, _ := attach(t, s, Attach{Stdout: true})
	require.NoError(t, s.Release())
	require.NoError(t, client.Close())
	if status := wait(t, s); status.Exit.Code != 0 {
		t.Errorf("got %+v", status)
	}
	if got := len(logged(t, b)); got != 1000000 {
		t.Errorf("the log holds %d bytes of a million", got)
	}
}

// TestClientThatNeverReadsKeepsNoDeadContainer holds up the program, as in
// Docker, but not its shim once the program is killed.
func TestClientThatNeverReadsKeepsNoDeadContainer(t *testing.T) {
	b := bundle(t, "flood")
	s := begin(t, b)
	client, _ := attach(t, s, Attach{Stdout: true})
	require.NoError(t, s.Release())
	head := make([]byte, 100)
	_, err := io.ReadFull(client, head) // it writes; from here on nobody reads
	require.NoError(t, err)
	held := func() bool { // the program cannot go on writing
		call, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", s.Pid()))
		require.NoError(t, err)
		return strings.HasPrefix(string(call), fmt.Sprint(unix.SYS_WRITE)+" ")
	}
	for seen, deadline := 0, time.Now().Add(patience); seen < 20; time.Sleep(5 * time.Millisecond) {
		if seen++; !held() {
			seen = 0
		}
		require.True(t, time.Now().Before(deadline), "the program is never held up")
	}
	require.NoError(t, s.Signal(unix.SIGKILL))
	within(t, s.Gone(), "the end of the shim")
}

func TestAttachAndDropLeavesNothing(t *testing.T) {
	b := bundle(t, "sleep", "1000")
	s := run(t, b)
	pids := shims(t, b.ID)
	require.Len(t, pids, 1)
	count := func() int {
		entries, err := os.ReadDir("/proc/" + pids[0] + "/fd")
		require.NoError(t, err)
		return len(entries)
	}
	cycle := func() {
		client, done := attach(t, s, Attach{Stdout: true})
		require.NoError(t, client.Close())
		within(t, done, "the shim to notice")
	}
	cycle()
	before := count()
	for range 100 {
		cycle()
	}
	if after := count(); after > before+1 { // a call may be about to end
		t.Errorf("%d descriptors after a hundred clients, before %d", after, before)
	}
}

func TestTerminal(t *testing.T) {
	b := bundle(t, "window")
	b.Spec.Process.Terminal = true
	b.Spec.Process.Rows, b.Spec.Process.Columns = 10, 20
	b.OpenStdin = true
	s := begin(t, b)
	client, _ := attach(t, s, all)
	require.NoError(t, s.Release())
	screen := bufio.NewReader(client)
	expect(t, screen, "10x20\r\n")
	require.NoError(t, s.Resize("", 30, 40))
	expect(t, screen, "30x40\r\n")
	_, err := client.Write([]byte{3}) // ctrl-c
	require.NoError(t, err)
	if status := wait(t, s); status.Exit.Code != 130 {
		t.Errorf("ctrl-c must end it by SIGINT, got %+v", status)
	}
}

func expect(t *testing.T, r *bufio.Reader, want string) {
	t.Helper()
	got, err := r.ReadString('\n')
	require.NoError(t, err)
	if got != want {
		t.Errorf("the terminal shows %q, want %q", got, want)
	}
}

func TestDetachKeysLeaveTheProgramAlone(t *testing.T) {
	b := bundle(t, "talk")
	b.Spec.Process.Terminal, b.OpenStdin = true, true
	s := begin(t, b)
	client, done := attach(t, s, Attach{Stdin: true, Stdout: true, DetachKeys: []byte("xy")})
	require.NoError(t, s.Release())
	_, err := client.Write([]byte("xxy"))
	require.NoError(t, err)
	within(t, done, "the keys to detach")
	if status, err := s.Status(); err != nil || !status.Running {
		t.Errorf("the program must run on: %+v, %v", status, err)
	}
	again, _ := attach(t, s, all)
	_, err = again.Write([]byte("\n"))
	require.NoError(t, err)
	screen := bufio.NewReader(again)
	for {
		line, err := screen.ReadString('\n')
		require.NoError(t, err)
		if strings.HasPrefix(line, "heard") {
			if line != "heard x\r\n" {
				t.Errorf("the program got %q, want the x before the keys alone", line)
			}
			return
		}
	}
}

func TestProcessLeftBehindDoesNotHoldTheExit(t *testing.T) {
	b := bundle(t, "leave")
	status := wait(t, run(t, b))
	if status.Exit.Code != 0 {
		t.Errorf("got %+v", status)
	}
	// The pid namespace is gone, so what was left in it closed the pipe.
	if late := time.Since(status.Exit.At); late > drainTime {
		t.Errorf("the status took %s", late)
	}
}

func TestProcessLeftInAForeignPidNamespaceIsKilled(t *testing.T) {
	b := bundle(t, "leave")
	b.Spec.New &^= namespace.PID // what it leaves would live on
	withGroup(t, &b, cgroup.Limits{})
	s := run(t, b)
	if status := wait(t, s); status.Exit.Code != 0 {
		t.Errorf("got %+v", status)
	}
	within(t, s.Gone(), "the shim to end")
	nothingLeft(t, b)
}

func TestOutputThatTravelledElsewhereIsNotWaitedFor(t *testing.T) {
	b := bundle(t, "sleep", "1000")
	s := run(t, b)
	awaitLog(t, b, "ready")
	// A process outside has the container's standard output, as if it had
	// been sent through a socket.
	out, err := os.OpenFile(fmt.Sprintf("/proc/%d/fd/1", s.Pid()), os.O_WRONLY, 0)
	require.NoError(t, err)
	defer out.Close()
	require.NoError(t, s.Signal(unix.SIGKILL))
	_, err = out.WriteString("last words\n")
	require.NoError(t, err)
	wait(t, s)
	within(t, s.Gone(), "the shim to end")
	if got := logged(t, b); got != "ready\nlast words\n" {
		t.Errorf("the log holds %q", got)
	}
}

func TestResizeWithoutTerminal(t *testing.T) {
	s := run(t, bundle(t, "sleep", "1000"))
	if err := s.Resize("", 1, 1); err == nil || !strings.Contains(err.Error(), "no terminal") {
		t.Errorf("got %v", err)
	}
	if err := s.Resize("nobody", 1, 1); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("got %v", err)
	}
	if err := s.Signal(unix.Signal(200)); err == nil {
		t.Error("there is no signal 200")
	}
}
