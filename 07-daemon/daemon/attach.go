package daemon

import (
	"context"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"drydock/07-daemon/lifecycle"
	"drydock/07-daemon/shim"
	"drydock/07-daemon/stdio"
)

// An attachment is a client that came before the program: `docker run`
// attaches first and starts then, so that no output is lost.
type attachment struct {
	conn *os.File
	how  shim.Attach
}

// Attachable says whether a client may attach, and whether the container has
// a terminal: the stream is raw then.
func (d *Daemon) Attachable(ref string) (terminal bool, err error) {
	b, err := d.open(ref)
	if err != nil {
		return false, err
	}
	defer b.mu.Unlock()
	switch b.status() {
	case lifecycle.Paused:
		return false, conflict("container %s is paused, unpause the container before attach", ref)
	case lifecycle.Restarting:
		return false, conflict("container %s is restarting, wait until the container is running", ref)
	}
	return b.record.Config.Tty, nil
}

// Attach connects a client with the container's streams; it takes conn over.
// From here on the shim serves it, and goes on if this daemon dies.
func (d *Daemon) Attach(ctx context.Context, ref string, o AttachOptions, conn *os.File) error {
	defer conn.Close()
	keys, err := detachKeys(o.DetachKeys)
	if err != nil {
		return err
	}
	how := shim.Attach{Stdin: o.Stdin, Stdout: o.Stdout, Stderr: o.Stderr, DetachKeys: keys}
	greet := o.Greet
	if greet == nil {
		greet = func() error { return nil }
	}
	if o.Logs {
		if err := greet(); err != nil {
			return err
		}
		greet = func() error { return nil }
		past := LogOptions{Stdout: o.Stdout, Stderr: o.Stderr, Tail: -1}
		if err := d.Logs(ctx, ref, past, conn); err != nil {
			return err
		}
	}
	if !o.Stream {
		return nil
	}
	b, err := d.open(ref)
	if err != nil {
		return err
	}
	defer b.mu.Unlock()
	if err := greet(); err != nil {
		return err
	}
	return d.join(b, how, conn)
}

// join hands a client to the shim, or lets it wait for one. mu is held.
func (d *Daemon) join(b *box, how shim.Attach, conn *os.File) error {
	d.tell(b.record, "attach")
	if b.shim != nil && b.status().Alive() {
		_, err := b.shim.Attach(conn, how)
		return err
	}
	return b.await(conn, how)
}

// detachKeys reads --detach-keys; nil are the default ones.
func detachKeys(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	keys, err := stdio.ParseKeys(text)
	if err != nil {
		return nil, invalid("Invalid detach keys (%s) provided", text)
	}
	return keys, nil
}

// await keeps a client until the program starts, and lets those go that hung
// up meanwhile. mu is held.
func (b *box) await(conn *os.File, how shim.Attach) error {
	fd, err := unix.FcntlInt(conn.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return err
	}
	b.waiting = slices.DeleteFunc(b.waiting, func(a attachment) bool {
		gone := hungUp(a.conn)
		if gone {
			a.conn.Close()
		}
		return gone
	})
	b.waiting = append(b.waiting, attachment{os.NewFile(uintptr(fd), "client"), how})
	return nil
}

// hungUp says whether the other side of a socket has closed both directions;
// a client that only ended its input is still there. See poll(2).
func hungUp(conn *os.File) bool {
	raw, err := conn.SyscallConn()
	if err != nil {
		return true
	}
	gone := false
	err = raw.Control(func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd)}}
		n, err := unix.Poll(fds, 0)
		gone = err == nil && n > 0 && fds[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
	})
	return gone || err != nil
}

// seat hands those who wait to the shim, before the program starts. mu is
// held.
func (d *Daemon) seat(b *box, s *shim.Shim) error {
	for len(b.waiting) > 0 {
		a := b.waiting[0]
		_, err := s.Attach(a.conn, a.how)
		if err != nil && !hungUp(a.conn) {
			return err
		}
		a.conn.Close()
		b.waiting = b.waiting[1:]
	}
	return nil
}

// dismiss lets those go who wait for a program that will not start. mu is
// held.
func (d *Daemon) dismiss(b *box) {
	for _, a := range b.waiting {
		a.conn.Close()
	}
	b.waiting = nil
}

// Resize changes the size of the container's terminal.
func (d *Daemon) Resize(ref string, rows, columns uint16) error {
	b, err := d.open(ref)
	if err != nil {
		return err
	}
	defer b.mu.Unlock()
	if !b.status().Alive() {
		return conflict("container %s is not running", b.id)
	}
	if err := b.shim.Resize("", rows, columns); err != nil {
		return err
	}
	d.tell(b.record, "resize")
	return nil
}
