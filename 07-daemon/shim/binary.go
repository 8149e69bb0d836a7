package shim

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Binary starts shims from a sealed memfd, so that no container can
// overwrite the program through /proc/PID/exe (CVE-2019-5736).
type Binary struct {
	program *os.File // read-only: a program that is open for writing cannot be executed
	null    *os.File
}

// seals forbid every change for good, the seals themselves included.
const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// firstFree is above the descriptors that a new shim gets: the program is
// found by its number, and must not be overwritten while they are put in
// their places.
const firstFree = 16

// Seal loads the program at path into a sealed memfd. See memfd_create(2).
func Seal(path string) (*Binary, error) {
	memory, err := copyToMemory(path)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", path, err)
	}
	defer memory.Close()
	program, err := reopen(memory)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", path, err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		program.Close()
		return nil, err
	}
	return &Binary{program: program, null: null}, nil
}

func copyToMemory(path string) (_ *os.File, err error) {
	from, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	fd, err := unix.MemfdCreate(processName, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if err == unix.EINVAL { // before Linux 6.3 every memfd could be executed
		fd, err = unix.MemfdCreate(processName, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, fmt.Errorf("make a memfd: %w", err)
	}
	memory := os.NewFile(uintptr(fd), "memfd")
	if _, err := io.Copy(memory, from); err != nil {
		memory.Close()
		return nil, err
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		memory.Close()
		return nil, fmt.Errorf("add the seals: %w", err)
	}
	return memory, nil
}

// reopen makes a read-only descriptor with a high number of the same file.
func reopen(memory *os.File) (*os.File, error) {
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", memory.Fd()))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, firstFree)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), processName), nil
}

// Close forgets the program. Shims that run keep it.
func (b *Binary) Close() error { return errors.Join(b.program.Close(), b.null.Close()) }

// Start is Launch and Spawn in one.
func (b *Binary) Start(bundle Bundle, hold []*os.File) (*Shim, error) {
	s, err := b.Launch(bundle.ID, bundle.Dir)
	if err != nil {
		return nil, err
	}
	return s, s.Spawn(bundle, hold)
}

// Launch executes a shim that knows of no container yet. It starts up while
// the caller prepares the bundle, and waits for Spawn, or for Kill.
func (b *Binary) Launch(id, dir string) (*Shim, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the shim: %w", err)
	}
	control, pid, err := b.execute(id)
	if err != nil {
		return nil, fmt.Errorf("execute the shim of %s: %w", id, err)
	}
	s := newShim(dir, control)
	s.monitor = pid
	return s, nil
}

// execute executes the program with one end of a socket pair as descriptor 3.
// A session of its own keeps the signals of the daemon's terminal away from
// it. ForkExec shares the memory until the exec, like vfork(2): it costs the
// same in a daemon of any size.
func (b *Binary) execute(id string) (control wire, pid int, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return wire{}, 0, err
	}
	defer unix.Close(pair[1])
	null := b.null.Fd()
	pid, err = syscall.ForkExec(fmt.Sprintf("/proc/self/fd/%d", b.program.Fd()), []string{processName, id}, &syscall.ProcAttr{
		Dir:   "/",
		Env:   []string{"GOMAXPROCS=1"}, // it waits for a living: one thread less, 100 kB less
		Files: []uintptr{null, null, null, uintptr(pair[1])},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		unix.Close(pair[0])
		return wire{}, 0, err
	}
	return newWire(pair[0]), pid, nil
}
