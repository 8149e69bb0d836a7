package sandbox

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Signal sends a signal to the process. After its end it is an error that is
// os.ErrProcessDone; never does the signal reach somebody who inherited the
// number. See pidfd_send_signal(2).
func (s *Sandbox) Signal(sig unix.Signal) error {
	err := unix.PidfdSendSignal(s.pidfd, sig, nil, 0)
	if err == unix.ESRCH {
		err = os.ErrProcessDone
	}
	if err != nil {
		return fmt.Errorf("signal %d to process %d: %w", sig, s.pid, err)
	}
	return nil
}

// Wait waits for the end of the process and reaps it. It may be called more
// than once, by more than one goroutine; all get the same answer.
func (s *Sandbox) Wait() (Exit, error) {
	s.wait.Do(func() { s.exit, s.err = reap(s.pid) })
	return s.exit, s.err
}

// reap waits for a child of ours. See wait4(2).
func reap(pid int) (Exit, error) {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &status, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return Exit{}, fmt.Errorf("wait for process %d: %w", pid, err)
		}
		return exitOf(status), nil
	}
}

// exitOf reads a wait status as a shell would: death by signal n is 128+n.
func exitOf(status unix.WaitStatus) Exit {
	e := Exit{Code: status.ExitStatus(), At: time.Now()}
	if status.Signaled() {
		e.Signal = status.Signal()
		e.Code = 128 + int(e.Signal)
		e.Core = status.CoreDump()
	}
	return e
}

// Close kills a child that was never released and closes descriptors. A
// program that runs goes on; wait for it first. See close(2).
func (s *Sandbox) Close() error {
	if s.control >= 0 { // not released
		s.kill()
	}
	s.letGo()
	for _, fd := range append(s.hold, s.pidfd) {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	s.hold, s.pidfd = nil, -1
	return nil
}

// kill ends the child and reaps it.
func (s *Sandbox) kill() {
	if s.pid != 0 {
		unix.PidfdSendSignal(s.pidfd, unix.SIGKILL, nil, 0) // see pidfd_send_signal(2)
		s.Wait()
	}
	if s.terminal != nil {
		s.terminal.Close()
		s.terminal = nil
	}
}
