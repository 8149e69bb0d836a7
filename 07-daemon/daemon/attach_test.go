package daemon

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/07-daemon/stdio"
)

// pair is a connection: the client's end, and the one for the daemon.
func pair(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	ours, theirs = os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
	t.Cleanup(func() { ours.Close() })
	return ours, theirs
}

// Who attaches before the start misses nothing; who hung up before it is no
// hindrance; who waits for a start that fails is let go.
func TestAttachBeforeTheStart(t *testing.T) {
	f := launchDaemon(t)
	id := f.create("", "", "echo", "first")
	streams := AttachOptions{Stream: true, Stdout: true, Stderr: true}
	stays, theirs := pair(t)
	require.NoError(t, f.Attach(background, id, streams, theirs))
	leaves, theirs := pair(t)
	require.NoError(t, f.Attach(background, id, streams, theirs))
	leaves.Close()
	require.NoError(t, f.Start(background, id))
	var out bytes.Buffer
	require.NoError(t, stdio.Split(&out, &out, stays))
	if out.String() != "first\n" {
		t.Errorf("the client read %q", out.String())
	}

	late, theirs := pair(t)
	require.NoError(t, f.Attach(background, id, AttachOptions{Logs: true, Stdout: true}, theirs))
	out.Reset()
	require.NoError(t, stdio.Split(&out, &out, late))
	if out.String() != "first\n" {
		t.Errorf("with its past the client read %q", out.String())
	}

	broken := f.create("", "", "nope")
	waits, theirs := pair(t)
	require.NoError(t, f.Attach(background, broken, streams, theirs))
	require.Error(t, f.Start(background, broken))
	if n, err := waits.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("after the failed start the client read %d bytes, %v; want the end", n, err)
	}
	_, theirs = pair(t)
	if err := f.Attach(background, id, AttachOptions{DetachKeys: "ctrl-nothing"}, theirs); !errdefs.IsInvalidArgument(err) {
		t.Errorf("keys that do not exist: %v", err)
	}
}

// A terminal's size is that of the client's window; only what runs has one.
func TestResize(t *testing.T) {
	f := launchDaemon(t)
	id := f.create("", `{"Tty":true}`, "sleep", "100")
	if err := f.Resize(id, 24, 80); !errdefs.IsConflict(err) {
		t.Errorf("resize before the start: %v", err)
	}
	require.NoError(t, f.Start(background, id))
	require.NoError(t, f.Resize(id, 40, 120))
	pid := f.all()[0].pid.Load()
	terminal, err := os.Open(fmt.Sprintf("/proc/%d/root/dev/console", pid))
	require.NoError(t, err)
	defer terminal.Close()
	size, err := unix.IoctlGetWinsize(int(terminal.Fd()), unix.TIOCGWINSZ)
	require.NoError(t, err)
	if size.Row != 40 || size.Col != 120 {
		t.Errorf("the terminal has %d rows and %d columns, want 40 and 120", size.Row, size.Col)
	}
	e, err := f.ExecCreate(id, container.ExecCreateRequest{Cmd: []string{"sleep", "100"}, Tty: true, AttachStdout: true})
	require.NoError(t, err)
	require.NoError(t, f.ExecStart(background, e, container.ExecStartRequest{Detach: true}, nil))
	if err := f.ExecResize(e, 10, 20); err != nil {
		t.Errorf("resize of an exec: %v", err)
	}
	if err := f.ExecResize("nobody", 1, 1); !errdefs.IsNotFound(err) {
		t.Errorf("resize of no exec: %v", err)
	}
	require.NoError(t, f.Pause(id))
	if _, err := f.Attachable(id); !errdefs.IsConflict(err) {
		t.Errorf("attach to a paused container: %v", err)
	}
}

func TestCountsByState(t *testing.T) {
	f := launchDaemon(t)
	f.create("", "", "true")
	f.run("", "", "sleep", "100")
	require.NoError(t, f.Pause(f.run("", "", "sleep", "100")))
	f.code(f.run("", "", "true"))
	if got, want := f.Counts(), (Counts{All: 4, Running: 1, Paused: 1, Stopped: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
