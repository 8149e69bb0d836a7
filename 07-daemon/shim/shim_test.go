package shim

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandbox"
	"drydock/01-namespaces/sandboxtest"
	"drydock/02-cgroups/cgroup"
	"drydock/07-daemon/stdio"
)

// The test binary is the shim, too, and every program in the containers.
func TestMain(m *testing.M) {
	sandboxtest.Main(m, map[string]func() int{
		processName: Main,
		"starter":   starter,
		"talk":      talk,
		"flood":     flood,
		"window":    window,
		"leave":     leaveBehind,
		"fds":       descriptorsOpen,
	})
}

// talk says a line on each stream and answers every line it hears.
func talk() int {
	fmt.Println("out")
	fmt.Fprintln(os.Stderr, "err")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fmt.Println("heard " + lines.Text())
	}
	fmt.Println("bye")
	return 7
}

// flood writes a million bytes.
func flood() int {
	line := strings.Repeat("x", 99) + "\n"
	for range 10000 {
		os.Stdout.WriteString(line)
	}
	return 0
}

// window says the size of its terminal, now and after each change, until
// ctrl-c.
func window() int {
	changed := make(chan os.Signal, 8)
	signal.Notify(changed, unix.SIGWINCH, unix.SIGINT)
	for {
		size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Printf("%dx%d\n", size.Row, size.Col)
		if <-changed == unix.SIGINT {
			return 130
		}
	}
}

// leaveBehind leaves a process that holds the standard output.
func leaveBehind() int {
	_, err := syscall.ForkExec("/bin/sleep", []string{"sleep", "1000"}, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, 1, 2},
	})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// descriptorsOpen says which descriptors it was given.
func descriptorsOpen() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	var names []string
	for _, e := range entries {
		// The descriptor of the directory itself is closed again.
		if _, err := os.Stat("/proc/self/fd/" + e.Name()); err == nil && !runtimes(e.Name()) {
			names = append(names, e.Name())
		}
	}
	fmt.Println(strings.Join(names, " "))
	return 0
}

// runtimes tells whether Go's own poller made the descriptor.
func runtimes(name string) bool {
	link, _ := os.Readlink("/proc/self/fd/" + name)
	return strings.HasPrefix(link, "anon_inode:")
}

// sealed is the shim's program, as the daemon would have it.
func sealed(t testing.TB) *Binary {
	t.Helper()
	b, err := Seal("/proc/self/exe")
	require.NoError(t, err)
	t.Cleanup(func() { b.Close() })
	return b
}

// bundle describes a container that runs args, without a group.
func bundle(t testing.TB, args ...string) Bundle {
	t.Helper()
	dir := t.TempDir()
	return Bundle{
		ID:  "c" + filepath.Base(dir),
		Dir: filepath.Join(dir, "run"),
		Spec: sandbox.Spec{
			Root: mount.Mount{Type: "bind", Source: sandboxtest.Root(t, "talk", "flood", "window", "leave", "fds")},
			Mounts: []mount.Mount{
				{Type: "proc", Source: "proc", Target: "/proc"},
				{Type: "tmpfs", Source: "tmpfs", Target: "/dev"},
				{Type: "devpts", Source: "devpts", Target: "/dev/pts", Options: []string{"newinstance", "ptmxmode=0666"}},
			},
			New: namespace.Mount | namespace.PID | namespace.UTS | namespace.IPC | namespace.Net,
			Process: sandbox.Process{
				Args: args, Env: []string{"PATH=/bin"}, Capabilities: capability.Default(),
			},
		},
		Log: Log{Driver: "json-file", Path: filepath.Join(dir, "log"), MaxFiles: 1},
	}
}

// withGroup gives the container a control group.
func withGroup(t testing.TB, b *Bundle, l cgroup.Limits) {
	t.Helper()
	tree, err := cgroup.Detect()
	require.NoError(t, err)
	b.Tree, b.Limits = tree, l
	b.Group = fmt.Sprintf("drydock-shim-test-%d/%s", os.Getppid(), b.ID)
	group, err := tree.Create(b.Group, l)
	require.NoError(t, err)
	t.Cleanup(func() {
		group.Delete()
		if parent, err := tree.Open(filepath.Dir(b.Group)); err == nil {
			parent.Delete()
		}
	})
}

// begin starts a container and kills it at the end of the test.
func begin(t testing.TB, b Bundle) *Shim {
	t.Helper()
	s, err := sealed(t).Start(b, nil)
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := s.Signal(unix.SIGKILL); err != nil {
			s.Kill()
		}
		within(t, s.Gone(), "the shim to end")
	})
	return s
}

func run(t testing.TB, b Bundle) *Shim {
	t.Helper()
	s := begin(t, b)
	require.NoError(t, s.Release())
	return s
}

// patience is for things that surely happen; nothing sleeps for it.
const patience = 20 * time.Second

func within(t testing.TB, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("waited %s for %s", patience, what)
	}
}

func wait(t testing.TB, s *Shim) Status {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	status, err := s.Wait(ctx)
	require.NoError(t, err)
	return status
}

// socket is a connection as a client has it: ours, and the end to hand over.
func socket(t testing.TB) (*net.UnixConn, *os.File) {
	t.Helper()
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	f := os.NewFile(uintptr(p[0]), "client")
	defer f.Close()
	c, err := net.FileConn(f)
	require.NoError(t, err)
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	t.Cleanup(func() { c.Close() })
	return c.(*net.UnixConn), os.NewFile(uintptr(p[1]), "server")
}

func attach(t testing.TB, s *Shim, a Attach) (*net.UnixConn, <-chan struct{}) {
	t.Helper()
	client, server := socket(t)
	done, err := s.Attach(server, a)
	require.NoError(t, err)
	require.NoError(t, server.Close())
	return client, done
}

// everything reads a connection with frames to its end.
func everything(t testing.TB, c io.Reader) (stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	require.NoError(t, stdio.Split(&out, &errs, c))
	return out.String(), errs.String()
}

var all = Attach{Stdin: true, Stdout: true, Stderr: true}

// awaitLog waits until the container has logged a line.
func awaitLog(t testing.TB, b Bundle, line string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := stdio.ReadLog(b.Log.Path, stdio.Query{Tail: -1, Follow: true})
	require.NoError(t, err)
	defer r.Close()
	for {
		e, err := r.Next(ctx)
		require.NoError(t, err, "waiting for %q in the log", line)
		if strings.TrimSuffix(string(e.Line), "\n") == line {
			return
		}
	}
}
