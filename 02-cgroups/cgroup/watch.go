package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A Watch is the witness of the out-of-memory kills in a group. The exit
// status of a program says only that somebody sent SIGKILL.
//
// It sleeps without a thread until the kernel speaks: on v1 through an
// eventfd that is registered with the group, on v2 through an inotify watch
// on memory.events.
type Watch struct {
	group *Group
	bell  *os.File
	seen  uint64
}

// Watch opens the witness. See eventfd(2) and inotify(7).
func (g *Group) Watch() (*Watch, error) {
	dir, ok := g.Dir("memory")
	if !ok {
		return nil, fmt.Errorf("group %s has no witness of memory: it has no memory controller", g.name)
	}
	ring := ringLegacy
	if g.tree.Version == 2 {
		ring = ringUnified
	}
	fd, err := ring(dir)
	if err != nil {
		return nil, fmt.Errorf("group %s: watch memory: %w", g.name, err)
	}
	w := &Watch{group: g, bell: os.NewFile(uintptr(fd), dir)}
	w.seen, err = w.kills()
	if err != nil {
		w.Close()
	}
	return w, err
}

// ringLegacy asks v1 to count in an eventfd: the line in cgroup.event_control
// names the eventfd and an open file of what is to be watched, which the
// kernel then holds itself. See eventfd(2).
func ringLegacy(dir string) (int, error) {
	what, err := os.Open(filepath.Join(dir, "memory.oom_control"))
	if err != nil {
		return -1, err
	}
	defer what.Close()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return -1, fmt.Errorf("eventfd: %w", err)
	}
	line := strconv.Itoa(fd) + " " + strconv.Itoa(int(what.Fd()))
	if err := write(dir, file{"cgroup.event_control", line}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// ringUnified asks inotify: the kernel calls memory.events modified when a
// counter in it moves. See inotify(7).
func ringUnified(dir string) (int, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return -1, fmt.Errorf("inotify_init1: %w", err)
	}
	path := filepath.Join(dir, "memory.events")
	if _, err := unix.InotifyAddWatch(fd, path, unix.IN_MODIFY|unix.IN_DELETE_SELF); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("inotify_add_watch %s: %w", path, err)
	}
	return fd, nil
}

// Next waits for the next kills and says how many there were. After Close it
// is os.ErrClosed, after the group was deleted fs.ErrNotExist.
func (w *Watch) Next() (kills uint64, err error) {
	buf := make([]byte, 4096) // many inotify events, or 8 bytes of an eventfd
	for {
		if _, err := w.bell.Read(buf); err != nil {
			return 0, err
		}
		if kills, err = w.settle(); kills > 0 || err != nil {
			return kills, err
		}
	}
}

// settle reads how many kills are new. v1 rings before it has chosen whom to
// kill, and rings for the trouble of a parent too, where nobody of ours need
// die: the number is looked at for a moment, and if it stays there was none.
func (w *Watch) settle() (uint64, error) {
	for pause := time.Millisecond; ; pause *= 2 {
		total, err := w.kills()
		if err != nil {
			return 0, err
		}
		if fresh := total - w.seen; fresh > 0 {
			w.seen = total
			return fresh, nil
		}
		if w.group.tree.Version == 2 || pause > 200*time.Millisecond {
			return 0, nil
		}
		time.Sleep(pause)
	}
}

func (w *Watch) kills() (uint64, error) {
	name := "memory.oom_control"
	if w.group.tree.Version == 2 {
		name = "memory.events"
	}
	dir, _ := w.group.Dir("memory")
	text, err := read(dir, name)
	return pairs(text)["oom_kill"], err
}

// Close ends a Next that waits.
func (w *Watch) Close() error { return w.bell.Close() }
