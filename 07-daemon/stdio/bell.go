//go:build linux

package stdio

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// A bell rings when a log grows or a new file takes its place, so that who
// follows it sleeps in between. See inotify(7).
type bell struct {
	file   *os.File // the inotify instance, served by the runtime's poller
	target int      // watch of the current file, -1 for none
	ended  <-chan struct{}
	closed chan struct{}
}

// newBell listens for new files in the directory of path. Once ended is
// closed, nobody sleeps on it any more.
func newBell(path string, ended <-chan struct{}) (*bell, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", path, err)
	}
	if _, err := unix.InotifyAddWatch(fd, filepath.Dir(path), unix.IN_CREATE|unix.IN_MOVED_TO); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("watch %s: %w", filepath.Dir(path), err)
	}
	b := &bell{file: os.NewFile(uintptr(fd), "inotify"), target: -1, ended: ended, closed: make(chan struct{})}
	if ended != nil {
		go b.wakeAtEnd()
	}
	return b, nil
}

// wakeAtEnd ends a wait for good when the log does.
func (b *bell) wakeAtEnd() {
	select {
	case <-b.ended:
		b.file.SetReadDeadline(past)
	case <-b.closed:
	}
}

// past is a deadline that is over.
var past = time.Unix(1, 0)

// on rings for writes to f, by its descriptor: its name may be another file's
// by now. The file before it is complete and rings no more.
func (b *bell) on(f *os.File) error {
	n := int(b.file.Fd())
	if b.target >= 0 {
		unix.InotifyRmWatch(n, uint32(b.target))
	}
	var err error
	b.target, err = unix.InotifyAddWatch(n, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), unix.IN_MODIFY)
	if err != nil {
		return fmt.Errorf("watch %s: %w", f.Name(), err)
	}
	return nil
}

// silent tells whether the log has ended.
func (b *bell) silent() bool {
	select {
	case <-b.ended:
		return true
	default:
		return false
	}
}

// wait sleeps until the bell rings, the log ends, or ctx does. What rang does
// not matter: the reader looks for itself.
func (b *bell) wait(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { b.file.SetReadDeadline(past) })
	defer stop()
	var events [16 * (unix.SizeofInotifyEvent + unix.NAME_MAX + 1)]byte
	_, err := b.file.Read(events[:])
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && !b.silent():
		return fmt.Errorf("wait for the log: %w", err)
	}
	return nil
}

func (b *bell) close() error {
	close(b.closed)
	return b.file.Close()
}
