package sandbox

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandboxtest"
)

func TestMain(m *testing.M) {
	sandboxtest.Main(m, map[string]func() int{"facts": facts, "spawner": spawner, "tryopen": tryOpen,
		"trymount": tryMount, "trytrace": tryTrace})
}

// facts prints what a program sees of itself, a line a fact.
func facts() int {
	var uts unix.Utsname
	unix.Uname(&uts)
	cwd, err := os.Getwd()
	groups, _ := os.Getgroups()
	mask := unix.Umask(0)
	fmt.Println("host", unix.ByteSliceToString(uts.Nodename[:]), unix.ByteSliceToString(uts.Domainname[:]))
	fmt.Println("cwd", cwd, err)
	fmt.Println("id", os.Getuid(), os.Getgid(), groups)
	fmt.Println("pid", os.Getpid(), "umask", fmt.Sprintf("%03o", mask), "home", os.Getenv("HOME"))
	fmt.Println("fds", descriptors())
	for _, kind := range []string{"mnt", "uts", "ipc", "pid", "net", "user", "cgroup"} {
		link, _ := os.Readlink("/proc/self/ns/" + kind)
		fmt.Println("ns", link)
	}
	status, _ := os.ReadFile("/proc/self/status")
	os.Stdout.Write(status)
	return 0
}

// descriptors are the open descriptors that are not Go's own.
func descriptors() []int {
	return slices.Sorted(maps.Keys(opened()))
}

// opened says what each of them is.
func opened() map[int]string {
	open := map[int]string{}
	for fd := range 1024 {
		link, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		if err == nil && !strings.HasPrefix(link, "anon_inode:[event") {
			open[fd] = link
		}
	}
	return open
}

// tryOpen opens files for writing and says how each attempt ended.
func tryOpen() int {
	for _, name := range os.Args[1:] {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err == nil {
			b := make([]byte, 1)
			_, err = f.Read(b)
			f.Close()
		}
		fmt.Println(name, err)
	}
	return 0
}

// everything are all kinds of namespace but User.
const everything = namespace.Mount | namespace.UTS | namespace.IPC | namespace.PID | namespace.Net | namespace.Cgroup

// docker is a Spec such as Docker's default, over a root with these programs.
func docker(t testing.TB, args ...string) Spec {
	t.Helper()
	return Spec{
		Root:          mount.Mount{Type: "bind", Source: sandboxtest.Root(t, "facts", "tryopen", "trymount", "trytrace")},
		Mounts:        DefaultMounts(),
		New:           everything,
		Hostname:      "ship",
		Masked:        DefaultMasked(),
		ReadonlyPaths: DefaultReadonlyPaths(),
		Process:       Process{Args: args, Env: []string{"PATH=/bin"}, Capabilities: capability.Default()},
	}
}

// run starts the Spec, waits for its end, and answers with its output.
func run(t testing.TB, s Spec) (string, Exit) {
	t.Helper()
	return finish(t, func(stdio Stdio) (*Sandbox, error) {
		box, err := Spawn(s, stdio)
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { box.Close() })
		return box, box.Release()
	})
}

// finish waits for what start has started.
func finish(t testing.TB, start func(Stdio) (*Sandbox, error)) (string, Exit) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	box, err := start(Stdio{Out: w, Err: w})
	w.Close()
	require.NoError(t, err)
	out, err := io.ReadAll(r)
	require.NoError(t, err)
	exit, err := box.Wait()
	require.NoError(t, err)
	require.NoError(t, box.Close())
	return string(out), exit
}

// refusal is the error of a start that must fail.
func refusal(t testing.TB, s Spec) error {
	t.Helper()
	box, err := Spawn(s, Stdio{})
	if err == nil {
		defer box.Close()
		err = box.Release()
	}
	require.Error(t, err, "the start should have failed")
	return err
}

// has checks that the output has a line.
func has(t testing.TB, out, line, why string) {
	t.Helper()
	if !slices.Contains(strings.Split(out, "\n"), line) {
		t.Errorf("%s: no line %q in\n%s", why, line, out)
	}
}

// spawner spawns a box, says who it is, and waits without releasing it.
func spawner() int {
	box, err := Spawn(Spec{Process: Process{Args: []string{"true"}}}, Stdio{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(box.Pid())
	syscall.Pause()
	return 0
}
