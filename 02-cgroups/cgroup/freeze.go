package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Freeze stops every process of the group and returns when all stand still.
// See cgroups(7).
func (g *Group) Freeze() error { return g.freeze(true) }

// Thaw is the way back from Freeze.
func (g *Group) Thaw() error { return g.freeze(false) }

func (g *Group) freeze(still bool) error {
	dir, ok := g.Dir("freezer")
	if !ok {
		return fmt.Errorf("group %s cannot be frozen: it has no freezer controller", g.name)
	}
	turn := freezeLegacy
	if g.tree.Version == 2 {
		turn = freezeUnified
	}
	if err := turn(dir, still); err != nil {
		return fmt.Errorf("group %s: %w", g.name, err)
	}
	return nil
}

// freezeLegacy waits until the kernel says FROZEN: processes are stopped one
// by one, where they next leave the kernel, and it looks again only when its
// file is read. There is nothing to wait on but the file.
func freezeLegacy(dir string, still bool) error {
	state := "THAWED"
	if still {
		state = "FROZEN"
	}
	deadline := time.Now().Add(patience)
	for pause := 100 * time.Microsecond; ; pause = min(2*pause, 10*time.Millisecond) {
		// Said again each time: a process that was born or moved in between
		// is only stopped by the next word.
		if err := write(dir, file{"freezer.state", state}); err != nil {
			return err
		}
		now, err := read(dir, "freezer.state")
		if err != nil || now == state {
			return err
		}
		if time.Now().After(deadline) {
			write(dir, file{"freezer.state", "THAWED"})
			return fmt.Errorf("%s/freezer.state is %s after %s, not %s", dir, now, patience, state)
		}
		time.Sleep(pause)
	}
}

// freezeUnified waits on cgroup.events, which the kernel marks as urgent
// (POLLPRI) whenever a line in it changes. See poll(2).
func freezeUnified(dir string, still bool) error {
	text, state := "0", "frozen 0"
	if still {
		text, state = "1", "frozen 1"
	}
	events, err := os.Open(filepath.Join(dir, "cgroup.events"))
	if err != nil {
		return err
	}
	defer events.Close()
	if err := write(dir, file{"cgroup.freeze", text}); err != nil {
		return err
	}
	deadline := time.Now().Add(patience)
	buf := make([]byte, 256)
	for {
		n, err := events.ReadAt(buf, 0)
		if n == 0 && err != nil {
			return err
		}
		if strings.Contains(string(buf[:n]), state) {
			return nil
		}
		if time.Now().After(deadline) {
			write(dir, file{"cgroup.freeze", "0"})
			return fmt.Errorf("%s/cgroup.events is not %q after %s", dir, state, patience)
		}
		if err := poll([]unix.PollFd{{Fd: int32(events.Fd()), Events: unix.POLLPRI}}, deadline); err != nil {
			return err
		}
	}
}

// Kill sends a signal to every process of the group. With SIGKILL none can
// escape by forking: v2 has a file for that, on v1 the group is frozen while
// the signals are sent. See cgroups(7) and kill(2).
func (g *Group) Kill(sig unix.Signal) error {
	if sig != unix.SIGKILL {
		return g.signal(sig)
	}
	if g.tree.Version == 2 {
		err := write(g.dirs[0], file{"cgroup.kill", "1"})
		if err == nil || gone(err) && unix.Access(g.dirs[0], unix.F_OK) != nil {
			return nil
		}
		// Before Linux 5.14 there is no such file.
	}
	if err := g.Freeze(); err == nil {
		defer g.Thaw() // a frozen process dies when it thaws
	}
	return g.signal(sig)
}

// signal sends sig once to everybody. See kill(2).
func (g *Group) signal(sig unix.Signal) error {
	pids, err := g.PIDs()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := unix.Kill(pid, sig); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("group %s: kill %d with %s: %w", g.name, pid, unix.SignalName(sig), err)
		}
	}
	return nil
}
