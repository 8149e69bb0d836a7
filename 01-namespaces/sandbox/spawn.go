package sandbox

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/undo"
)

// A Sandbox is a process in its box: first waiting, after Release running.
type Sandbox struct {
	spec     Spec
	calls    [][]Call // in the order of the list, for the words of an error
	list     *list
	pid      int
	pidfd    int
	control  int   // our end of the socket to the child
	hold     []int // its namespaces, so that they end after its exit was told
	pipes    []int // standard descriptors that are pipes
	terminal *os.File

	wait sync.Once
	exit Exit
	err  error
}

// Spawn clones the child. It returns as soon as the child exists and has its
// namespaces: the child goes on alone with its mounts and then waits for
// Release. What must be done to it from outside (network) happens in between.
// If the caller dies before Release, so does the child.
func Spawn(spec Spec, stdio Stdio) (box *Sandbox, err error) {
	var way undo.Stack // what the child has of us, we need only until the clone
	defer way.Run()
	if err := spec.check(); err != nil {
		return nil, err
	}
	calls, err := spec.beforeGate()
	if err != nil {
		return nil, err
	}
	in, err := inherit(spec, stdio, &way)
	if err != nil {
		return nil, err
	}
	box = &Sandbox{spec: spec, pidfd: -1, control: in.ours, pipes: in.pipes}
	defer func() {
		if err != nil {
			box.Close()
			box = nil
		}
	}()
	if err := box.prepare(calls, in); err != nil {
		return box, err
	}
	kinds := spec.New &^ namespace.Cgroup // that one is unshared after the join
	if err := box.clone(uint64(kinds), in); err != nil {
		return box, err
	}
	return box, box.settle()
}

// prepare writes the list, as far as it is known.
func (s *Sandbox) prepare(calls []Call, in *inheritance) (err error) {
	if s.list, err = newList(calls, s.spec.Process, in.fds); err != nil {
		return err
	}
	return s.add(calls)
}

// add writes more of the list.
func (s *Sandbox) add(calls []Call) error {
	s.calls = append(s.calls, calls)
	return s.list.add(calls)
}

// clone makes the child, in new namespaces of these kinds. The thread is
// locked only because signals are blocked on it meanwhile. See clone(2).
func (s *Sandbox) clone(kinds uint64, in *inheritance) error {
	list := unsafe.Pointer(&s.list.memory[0])
	b := &(*head)(list).birth
	b.all = ^uint64(0)
	b.clone = cloneArgs{
		flags:      kinds | unix.CLONE_CLEAR_SIGHAND | unix.CLONE_PIDFD,
		pidfd:      uint64(uintptr(unsafe.Pointer(&b.pidfd))),
		exitSignal: uint64(unix.SIGCHLD),
	}
	if in.unified >= 0 {
		b.clone.flags |= unix.CLONE_INTO_CGROUP
		b.clone.cgroup = uint64(in.unified)
	}
	errno := unix.Errno(0)
	err := inPIDNamespace(in.pid, func() { b.pid, errno = fork(list) })
	if errno != 0 {
		return fmt.Errorf("clone into new namespaces %s: %w", namespace.Kind(kinds), errno)
	}
	if b.pid != 0 {
		s.pid, s.pidfd = int(b.pid), int(b.pidfd)
	}
	return err
}

// inPIDNamespace runs fn on a thread whose next child is born into the PID
// namespace fd; a negative fd is our own. The thread stays in its own
// namespace all the time and takes back what it changed; being locked, it is
// not used by Go to make more threads, which the kernel would refuse
// meanwhile. See setns(2), pid_namespaces(7).
func inPIDNamespace(fd int, fn func()) error {
	runtime.LockOSThread()
	if fd < 0 {
		fn()
		runtime.UnlockOSThread()
		return nil
	}
	home, err := unix.Open("/proc/thread-self/ns/pid", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter PID namespace: %w", err)
	}
	defer unix.Close(home)
	if err := unix.Setns(fd, unix.CLONE_NEWPID); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter PID namespace: %w", err)
	}
	fn()
	if err := unix.Setns(home, unix.CLONE_NEWPID); err != nil {
		return fmt.Errorf("return to our PID namespace: %w", err) // locked for ever: it ends with its goroutine
	}
	runtime.UnlockOSThread()
	return nil
}

// settle does what a new-born needs at once from outside: its id maps, and
// somebody who keeps its namespaces. The kernel tears a namespace down with
// its last user; were that the child, its exit would wait for it. See
// namespaces(7).
func (s *Sandbox) settle() error {
	for _, kind := range []namespace.Kind{namespace.Mount, namespace.Net} {
		if s.spec.New&kind == 0 {
			continue
		}
		fd, err := unix.Open(namespace.Path(s.pid, kind), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == unix.ENOENT {
			continue // the child has failed already; Release says why
		}
		if err != nil {
			return fmt.Errorf("hold the %s namespace: %w", kind, err)
		}
		s.hold = append(s.hold, fd)
	}
	if s.spec.New&namespace.User == 0 {
		return nil
	}
	if err := writeMaps(s.pid, s.spec); err != nil {
		return err
	}
	return s.open(-1)
}

// open opens a gate: one byte, and a descriptor with it unless that is
// negative. See send(2), unix(7).
func (s *Sandbox) open(fd int) error {
	var rights []byte
	if fd >= 0 {
		rights = unix.UnixRights(fd)
	}
	_, err := unix.SendmsgN(s.control, []byte{1}, rights, nil, unix.MSG_NOSIGNAL)
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return nil // it has failed meanwhile; its report says why
	}
	return err
}

// writeMaps tells the kernel which ids of ours the child's are. An ordinary
// user may map himself alone, and must first give up setgroups, by which he
// could leave a group that denies him something. See user_namespaces(7).
func writeMaps(pid int, s Spec) error {
	files := [][2]string{{"uid_map", lines(s.UIDs, os.Geteuid())}, {"gid_map", lines(s.GIDs, os.Getegid())}}
	if os.Geteuid() != 0 {
		files = append([][2]string{{"setgroups", "deny"}}, files...)
	}
	for _, f := range files {
		path := fmt.Sprintf("/proc/%d/%s", pid, f[0])
		if err := os.WriteFile(path, []byte(f[1]), 0); err != nil {
			return fmt.Errorf("map ids: %w", err)
		}
	}
	return nil
}

// lines are the lines of a map; without any, id 0 inside is we ourselves.
func lines(maps []IDMap, self int) string {
	if len(maps) == 0 {
		maps = []IDMap{{Inside: 0, Outside: uint32(self), Count: 1}}
	}
	var text strings.Builder
	for _, m := range maps {
		fmt.Fprintf(&text, "%d %d %d\n", m.Inside, m.Outside, m.Count)
	}
	return text.String()
}
