package sandbox

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A step is a Call as the walker wants it: numbers and addresses only.
type step struct {
	nr     uintptr
	args   [6]uintptr
	cells  uintptr // bit i: args[i] is the place of the value, not the value
	when   uintptr
	skip   uintptr
	save   uintptr // place that takes the result, or 0
	unless uintptr // place of a result that makes this step needless, or 0
}

// A head lies at the start of the list and is followed by its steps.
type head struct {
	control uintptr    // descriptor for the report
	report  [2]uintptr // number of the step that failed, errno
	birth   birth
}

const (
	stepSize = unsafe.Sizeof(step{})
	headSize = unsafe.Sizeof(head{})
)

// walk performs the steps that follow the head at list. The last one is
// execve, so it never returns; a step that fails is reported, and the child
// is over.
//
// It runs in a process that was cloned from a Go program in the middle of
// whatever it was doing: there are no other threads, so no scheduler, no
// collector, and a lock that another thread held is held for ever. Hence it
// must not grow its stack (nosplit), not be watched (norace, nocheckptr), not
// allocate, and make raw system calls that tell the Go runtime nothing. All
// that it touches lies in a mapping of its own; a place is an offset in it.
//
//go:nosplit
//go:norace
//go:nocheckptr
func walk(list unsafe.Pointer) {
	h := (*head)(list)
	for i := uintptr(0); ; i++ {
		s := (*step)(unsafe.Add(list, headSize+i*stepSize))
		if s.unless != 0 && int(*(*uintptr)(unsafe.Add(list, s.unless))) >= 0 {
			continue
		}
		args := s.args
		for k := range args {
			if s.cells>>k&1 == 1 {
				args[k] = *(*uintptr)(unsafe.Add(list, args[k]))
			}
		}
		r, _, errno := syscall.RawSyscall6(s.nr, args[0], args[1], args[2], args[3], args[4], args[5])
		switch {
		case uintptr(errno) == s.when || errno != 0 && s.when == uintptr(AnyError):
			i += s.skip
		case errno != 0:
			fail(h, i, uintptr(errno))
		}
		if s.save != 0 {
			*(*uintptr)(unsafe.Add(list, s.save)) = r
		}
		if s.nr == unix.SYS_RECVMSG && r == 0 {
			fail(h, i, uintptr(unix.EPIPE)) // the parent is gone: nobody wants us
		}
	}
}

// fail tells the parent which step failed and ends the process. See write(2),
// exit_group(2).
//
//go:nosplit
//go:norace
func fail(h *head, i, errno uintptr) {
	h.report[0], h.report[1] = i, errno
	syscall.RawSyscall6(unix.SYS_WRITE, h.control, uintptr(unsafe.Pointer(&h.report)), unsafe.Sizeof(h.report), 0, 0, 0)
	for {
		syscall.RawSyscall6(unix.SYS_EXIT_GROUP, 125, 0, 0, 0, 0, 0)
	}
}

// cloneArgs is struct clone_args of clone3. See clone(2).
type cloneArgs struct {
	flags, pidfd, childTID, parentTID, exitSignal     uint64
	stack, stackSize, tls, setTID, setTIDSize, cgroup uint64
}

// A birth is what the parent needs for the clone. It lies in the list, too:
// the kernel writes to it by address, and what a goroutine has on its stack
// moves when the stack grows or shrinks.
type birth struct {
	clone     cloneArgs
	pid       uintptr
	pidfd     int32
	all, mask uint64 // signal sets: all of them, and what was blocked before
}

// fork clones the calling thread; the child walks the list and never
// returns. Without CLONE_VM the child has its own copy of our memory and may
// block as long as it likes.
//
// A signal must not reach the child: it would run Go's handler without Go's
// threads. So all signals are blocked around the clone, CLONE_CLEAR_SIGHAND
// takes the handlers from the child, and its list unblocks right before
// execve. See clone(2), rt_sigprocmask(2).
//
//go:nosplit
//go:norace
//go:noinline
func fork(list unsafe.Pointer) (uintptr, unix.Errno) {
	b := &(*head)(list).birth
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK,
		uintptr(unsafe.Pointer(&b.all)), uintptr(unsafe.Pointer(&b.mask)), 8, 0, 0)
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE3,
		uintptr(unsafe.Pointer(&b.clone)), unsafe.Sizeof(b.clone), 0, 0, 0, 0)
	if pid == 0 && errno == 0 {
		walk(list)
	}
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK,
		uintptr(unsafe.Pointer(&b.mask)), 0, 8, 0, 0)
	return pid, errno
}
