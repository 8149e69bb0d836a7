package shim

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// hangups notices clients that go away while their container is silent: who
// only reads, and half-closed the connection as `docker run` does without -i,
// cannot be told by reading. The kernel tells by EPOLLHUP, when both
// directions of a unix socket are closed. One epoll instance and one goroutine
// serve all connections. See epoll(7), epoll_ctl(2).
type hangups struct {
	mu    sync.Mutex // guards what is below
	epoll *os.File   // nil until somebody is watched
	next  int32
	conns map[int32]*conn
}

// watch begins to look at c. What cannot be watched is noticed by the next
// write.
func (h *hangups) watch(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.dead || h.epoll == nil && h.open() != nil {
		return
	}
	h.next++
	c.key = h.next
	h.conns[c.key] = c
	// No event is asked for; hangups and errors are always told.
	h.control(unix.EPOLL_CTL_ADD, c)
}

// forget stops looking at c, before its descriptor is closed: the socket may
// live on in another process, and would ring for ever.
func (h *hangups) forget(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.dead = true
	if _, ok := h.conns[c.key]; ok {
		h.control(unix.EPOLL_CTL_DEL, c)
		delete(h.conns, c.key)
	}
}

func (h *hangups) control(op int, c *conn) {
	if fd, err := number(c.file); err == nil {
		n, err := number(h.epoll)
		if err == nil {
			unix.EpollCtl(n, op, fd, &unix.EpollEvent{Fd: c.key})
		}
	}
}

// open makes the epoll instance, which is itself pollable, and its goroutine.
func (h *hangups) open() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	unix.SetNonblock(fd, true)
	h.epoll = os.NewFile(uintptr(fd), "epoll")
	h.conns = map[int32]*conn{}
	go h.listen()
	return nil
}

// listen drops who hung up, until the process ends.
func (h *hangups) listen() {
	raw, err := h.epoll.SyscallConn()
	if err != nil {
		return
	}
	var events [8]unix.EpollEvent
	for {
		var n int
		err := raw.Read(func(fd uintptr) bool {
			n, _ = unix.EpollWait(int(fd), events[:], 0)
			return n > 0
		})
		if err != nil {
			return
		}
		for _, e := range events[:n] {
			h.mu.Lock()
			c := h.conns[e.Fd]
			h.mu.Unlock()
			if c != nil {
				c.drop()
			}
		}
	}
}
