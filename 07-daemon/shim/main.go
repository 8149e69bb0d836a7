package shim

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandbox"
	"drydock/01-namespaces/undo"
	"drydock/02-cgroups/cgroup"
	"drydock/07-daemon/stdio"
)

// processName is what ps shows.
const processName = "drydock-shim"

// controlFD is where the daemon put our end of the socket pair.
const controlFD = 3

// A monitor is the process drydock-shim.
type monitor struct {
	bundle   Bundle
	control  wire
	group    *cgroup.Group // nil: none of its own
	box      *sandbox.Sandbox
	streams  *streams
	hangups  hangups
	listener *os.File
	// spaces are the container's mount and network namespaces, held open: the
	// kernel takes their contents down with the last holder, inside its
	// exit(2), and the daemon should hear of the exit before that.
	spaces []*os.File
	hold   []*os.File
	// decided is closed when the program runs. A daemon that has just come
	// asks for the status in the middle of a release, perhaps, and must not
	// hear that nothing runs.
	decided chan struct{}
	ended   chan struct{} // closed when status is final
	calls   sync.WaitGroup

	mu      sync.Mutex // guards what is below
	status  Status
	execs   map[string]*execution
	waiting []wire      // callers that want to see the end of the process
	tired   *time.Timer // calls rest when there was nothing to do for a while
	worked  bool        // there were execs since the last rest
}

// Main is the whole program drydock-shim.
func Main() int {
	unix.CloseOnExec(controlFD)
	m := &monitor{
		control: newWire(controlFD),
		decided: make(chan struct{}),
		ended:   make(chan struct{}),
		execs:   map[string]*execution{},
	}
	var err error
	if m.hold, err = m.control.receive(&m.bundle); err != nil {
		return 1 // nobody needs us
	}
	var way undo.Stack
	defer way.Run()
	if err := m.spawn(&way); err != nil {
		m.refuse(err)
		return 1
	}
	if err := m.control.send(reply{Status: m.status}); err != nil {
		return 1
	}
	m.settle()
	if !m.released() {
		return 1
	}
	if err := m.release(); err != nil {
		m.refuse(err)
		return 1
	}
	m.accompany()
	return 0
}

// refuse tells the daemon why there is no container.
func (m *monitor) refuse(err error) {
	var r reply
	r.fail(err)
	m.control.send(r)
}

// complain writes to the standard error, a file in Bundle.Dir: there is
// nobody else to tell.
func complain(err error) {
	os.Stderr.WriteString(time.Now().UTC().Format(time.RFC3339) + " " + err.Error() + "\n")
}

// spawn makes the container up to the point where it waits for release, and
// pushes the way back on way.
func (m *monitor) spawn(way *undo.Stack) error {
	b := &m.bundle
	if err := m.openGroup(way); err != nil {
		return err
	}
	doors, err := m.doors()
	if err != nil {
		return err
	}
	defer closeAll(doors)
	if err := m.openStreams(way); err != nil {
		return err
	}
	child, err := m.streams.pipes(Attach{Stdin: b.OpenStdin, Stdout: true, Stderr: true})
	defer closeChild(child)
	if err != nil {
		return err
	}
	spec := b.Spec
	spec.Process.Group = doors
	if m.box, err = sandbox.Spawn(spec, child); err != nil {
		return err
	}
	way.Push(func() { m.box.Close() })
	m.status.Pid = m.box.Pid()
	return m.appear(way)
}

// openGroup finds the control group that the daemon made. It is ours to
// delete, in the end and on the way back alike.
func (m *monitor) openGroup(way *undo.Stack) (err error) {
	b := &m.bundle
	if b.Group == "" {
		return nil
	}
	if b.Tree.Version == 0 {
		if b.Tree, err = cgroup.Detect(); err != nil {
			return err
		}
	}
	if m.group, err = b.Tree.Open(b.Group); err != nil {
		return err
	}
	way.Push(func() {
		if err := m.group.Delete(); err != nil {
			complain(err)
		}
	})
	return nil
}

// doors are for the child alone: the shim stays outside, or it would be
// charged to the container and share its fate.
func (m *monitor) doors() ([]*os.File, error) {
	if m.group == nil {
		return nil, nil
	}
	return m.group.Door()
}

func (m *monitor) openStreams(way *undo.Stack) error {
	b := &m.bundle
	m.streams = newStreams(b.Spec.Process.Terminal, &m.hangups)
	m.streams.once = b.StdinOnce
	way.Push(m.streams.release)
	switch b.Log.Driver {
	case "", "none":
		return nil
	case "json-file":
	default:
		return fmt.Errorf("there is no log driver %q", b.Log.Driver)
	}
	log, err := stdio.OpenLog(b.Log.Path, b.Log.MaxSize, b.Log.MaxFiles)
	if err != nil {
		return err
	}
	m.streams.log = log
	way.Push(func() { log.Close() })
	return nil
}

// appear gives the shim an address: clients attach before the release.
func (m *monitor) appear(way *undo.Stack) (err error) {
	os.Remove(m.bundle.Dir + "/" + exitName) // of an earlier run
	if m.listener, err = listen(m.bundle.Dir); err != nil {
		return err
	}
	way.Push(func() { os.Remove(m.bundle.Dir + "/" + socketName) })
	m.calls.Go(m.serve)
	return nil
}

// settle does what nobody waits for, while the child makes its mounts and the
// daemon connects the network: it holds the namespaces, and gives the process
// its name and a place for its last words. The name is the main thread's,
// which this may not be; hence the file, see proc_pid_comm(5).
func (m *monitor) settle() {
	for _, kind := range []namespace.Kind{namespace.Mount, namespace.Net} {
		if f, err := os.Open(namespace.Path(m.box.Pid(), kind)); err == nil {
			m.spaces = append(m.spaces, f)
		}
	}
	os.WriteFile("/proc/self/comm", []byte(processName), 0)
	if err := lastWords(m.bundle.Dir + "/" + processName + ".log"); err != nil {
		complain(err)
	}
}

// lastWords sends the standard error to a file: the runtime's own, too, if it
// should come to that. See dup3(2).
func lastWords(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Dup3(int(f.Fd()), 2, 0)
}

// released waits for the word of the daemon. The end of file is its death:
// nobody knows of this container, so there shall be none.
func (m *monitor) released() bool {
	var q request
	_, err := m.control.receive(&q)
	return err == nil && q.Op == opRelease
}

// release starts the program and tells the daemon.
func (m *monitor) release() error {
	if err := m.box.Release(); err != nil {
		return err
	}
	m.mu.Lock()
	m.status.Running = true
	m.tired = time.AfterFunc(restAfter, m.rest)
	m.mu.Unlock()
	close(m.decided)
	m.control.send(reply{Status: m.status}) // a daemon that died now finds us later
	if err := m.streams.start(m.box.Terminal()); err != nil {
		complain(err) // the program runs; it cannot be unmade
	}
	return nil
}

// accompany stays with the container until its end and sees to its estate.
func (m *monitor) accompany() {
	untilEnd(m.box.Pid())
	m.tired.Stop()
	exit, err := m.box.Wait()
	if m.bundle.Spec.New&namespace.PID == 0 && m.group != nil {
		// With a pid namespace of its own the kernel has done this.
		m.group.Kill(unix.SIGKILL)
	}
	m.streams.drain()
	m.end(exit, err)
	closeAll(m.spaces)
	m.streams.finish()
	m.hangUp()
}

// untilEnd sleeps until a child has ended, in the runtime's poller and not in
// a thread of its own as wait4(2) would. It does not reap. See pidfd_open(2).
func untilEnd(pid int) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return // then Wait waits
	}
	f := os.NewFile(uintptr(fd), "pidfd")
	defer f.Close()
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	raw.Read(func(fd uintptr) bool {
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(ready, 0)
		return n > 0 || err != nil && err != unix.EINTR
	})
}

// end makes the status final and tells everybody.
func (m *monitor) end(exit sandbox.Exit, err error) {
	oom := m.oomKilled(exit)
	m.mu.Lock()
	m.status.Running, m.status.Exit, m.status.OOMKilled = false, exit, oom
	if err != nil {
		m.status.Error = err.Error()
	}
	last := reply{Status: m.status}
	m.mu.Unlock()
	if err := leaveExit(m.bundle.Dir, last.Status); err != nil {
		complain(err)
	}
	m.control.send(last)
	close(m.ended)
}

// oomKilled asks the group whether the kernel killed for memory in it. Only
// then is it worth the reading, on everybody's way out.
func (m *monitor) oomKilled(exit sandbox.Exit) bool {
	if m.group == nil || m.bundle.Limits.Memory == 0 && exit.Signal != unix.SIGKILL {
		return false
	}
	stats, err := m.group.Stats()
	return err == nil && stats.OOMKills > 0
}

// hangUp stops to listen and lets the callers have their answers.
func (m *monitor) hangUp() {
	m.listener.Close()
	done := make(chan struct{})
	go func() {
		m.calls.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Second):
		complain(errors.New("a caller does not take its answer"))
	}
}
