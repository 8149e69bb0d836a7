package namespace

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// first runs fn on the first thread of the process, as soon as a goroutine of
// ours happens to land there; ok is false if none does.
func first(fn func()) (ok bool) {
	parked := make(chan struct{})
	defer close(parked)
	for range 500 {
		landed := make(chan bool)
		go func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			if unix.Gettid() != unix.Getpid() {
				landed <- false
				<-parked // keep this thread busy, so that the next lands elsewhere
				return
			}
			fn()
			landed <- true
		}()
		if <-landed {
			return true
		}
	}
	return false
}

func TestWorkOnTheFirstThreadIsHandedOn(t *testing.T) {
	landed := first(func() {
		onSpareThread(func() error {
			if unix.Gettid() == unix.Getpid() {
				t.Error("the first thread did the work itself: it cannot be thrown away")
			}
			return nil
		})
	})
	if !landed {
		t.Log("no goroutine came to the first thread in this run")
	}
}
