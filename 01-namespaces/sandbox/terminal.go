package sandbox

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/mount"
)

// terminal makes the pty, which came as a descriptor, the standard three. A
// container's first process has it as /dev/console too: the very pty that the
// parent opened, not what a name says (CVE-2025-52565). See pts(4).
func terminal(p Process, pty any, console bool) []Call {
	if !p.Terminal {
		return nil
	}
	calls := []Call{
		{Name: "dup3", Args: []any{pty, 0, 0}, Text: "take the terminal as standard input"},
		{Name: "dup3", Args: []any{pty, 1, 0}, Text: "take the terminal as standard output"},
		{Name: "dup3", Args: []any{pty, 2, 0}, Text: "take the terminal as standard error"},
	}
	if !console {
		return calls
	}
	return append(calls,
		openPath("/dev", "/dev", inside),
		Call{Name: "openat", Args: []any{Result("/dev"), "console", newFile | unix.O_EXCL, 0o600}, When: unix.EEXIST, Text: "make file /dev/console"},
		Call{Name: "open_tree", Args: []any{pty, "", unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_EMPTY_PATH},
			Save: "console", Text: "open the terminal a second time"},
		Call{Name: "move_mount", Args: []any{Result("console"), "", Result("/dev"), "console", unix.MOVE_MOUNT_F_EMPTY_PATH},
			Text: "mount the terminal on /dev/console"})
}

// newSession takes the process away from the terminal of whoever spawned it
// and gives it its own. See setsid(2), TIOCSCTTY(2const).
func newSession(p Process) []Call {
	calls := []Call{{Name: "setsid", Text: "begin a session"}}
	if p.Terminal {
		calls = append(calls, Call{Name: "ioctl", Args: []any{0, unix.TIOCSCTTY, 0},
			Text: "make the terminal the session's"})
	}
	return calls
}

// A pty is a pair of descriptors that are one terminal.
type pty struct {
	ours   *os.File
	theirs int
}

// openTerminal opens a new terminal in the devpts of the container, so that
// its programs find it by name, at its first size. The node is opened only
// after it has shown that it belongs to a devpts: it is the container's file,
// and opening some other device could do harm. See pts(4), ioctl_tty(2).
func openTerminal(root int, rows, columns uint16) (*pty, error) {
	path, err := mount.OpenIn(root, "dev/pts/ptmx", unix.OpenHow{Flags: unix.O_PATH, Resolve: unix.RESOLVE_NO_SYMLINKS})
	if err != nil {
		return nil, fmt.Errorf("open a terminal: %w", err)
	}
	defer unix.Close(path)
	var fs unix.Statfs_t
	if err := unix.Fstatfs(path, &fs); err != nil {
		return nil, fmt.Errorf("open a terminal: %w", err)
	}
	if fs.Type != unix.DEVPTS_SUPER_MAGIC {
		return nil, fmt.Errorf("open a terminal: /dev/pts is no devpts")
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", path), unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open a terminal: %w", err)
	}
	return unlock(fd, rows, columns)
}

// unlock makes a fresh terminal usable and opens its other end, by the
// descriptor and not by a name. See TIOCSPTLCK(2const), TIOCGPTPEER(2const).
func unlock(fd int, rows, columns uint16) (*pty, error) {
	peer, err := 0, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	if err == nil {
		peer, err = openPeer(fd)
	}
	if err == nil && rows|columns != 0 {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns})
	}
	if err != nil {
		unix.Close(fd)
		if peer > 0 {
			unix.Close(peer)
		}
		return nil, fmt.Errorf("open a terminal: %w", err)
	}
	unix.SetNonblock(fd, true) // so that a Close ends a Read of ours
	return &pty{ours: os.NewFile(uintptr(fd), "terminal"), theirs: peer}, nil
}

// openPeer opens the other end of terminal fd. See TIOCGPTPEER(2const).
func openPeer(fd int) (int, error) {
	peer, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC)
	if errno != 0 {
		return 0, errno
	}
	return int(peer), nil
}
