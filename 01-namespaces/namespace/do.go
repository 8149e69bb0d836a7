package namespace

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Do runs fn on an OS thread that has entered the namespace at path, and
// throws the thread away afterwards: a thread that has been elsewhere must
// never run other goroutines again. It is of no use for a user namespace,
// which a process with threads cannot enter, nor for a PID namespace, which
// counts for children only. See setns(2).
func Do(path string, fn func() error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("enter namespace: %w", err)
	}
	defer f.Close()
	return Aside(func() error { return enter(f, fn) })
}

// Aside runs fn on an OS thread that ends with it, so that fn may do to the
// thread what cannot be undone.
func Aside(fn func() error) error {
	done := make(chan error)
	go func() { done <- onSpareThread(fn) }()
	return <-done
}

// onSpareThread runs fn on a thread that ends with the calling goroutine: it
// stays locked, and Go ends a locked thread with its goroutine. Only the first
// thread of the process cannot end. Were it to enter a namespace,
// /proc/self would show that namespace to everybody from then on; so when the
// goroutine landed there, it keeps that thread busy while another goroutine,
// necessarily on another thread, does the work.
func onSpareThread(fn func() error) error {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() { // see gettid(2)
		return fn()
	}
	defer runtime.UnlockOSThread()
	done := make(chan error)
	go func() { done <- onSpareThread(fn) }()
	return <-done
}

// enter moves the calling thread into the namespace and runs fn. The threads
// of a process share their root and working directory, and the kernel refuses
// a mount namespace to whoever shares them: so they part first. See
// unshare(2), setns(2).
func enter(f *os.File, fn func() error) error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare the working directory: %w", err)
	}
	if err := unix.Setns(int(f.Fd()), 0); err != nil {
		return fmt.Errorf("enter namespace %s: %w", f.Name(), err)
	}
	return fn()
}
