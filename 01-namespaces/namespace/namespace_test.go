package namespace

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/sandboxtest"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, nil) }

func TestNames(t *testing.T) {
	if got := Path(7, Net); got != "/proc/7/ns/net" {
		t.Errorf("the network namespace of process 7 is %s", got)
	}
	if got := (Mount | PID).String(); got != "mnt|pid" {
		t.Errorf("mount and pid are %q", got)
	}
	if got := (Net | 1).String(); got != "net|0x1" {
		t.Errorf("an unknown bit is shown: %q", got)
	}
	for _, f := range files {
		if _, err := os.Stat(Path(os.Getpid(), f.kind)); err != nil {
			t.Errorf("the kernel has no such file: %v", err)
		}
	}
}

// other is a process in a mount and a UTS namespace of its own.
func other(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "60")
	cmd.Args[0] = "sleep"
	cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWUTS}
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd.Process.Pid
}

func link(t *testing.T, name string) string {
	t.Helper()
	target, err := os.Readlink(name)
	require.NoError(t, err)
	return target
}

func TestDoIsInsideAndComesBack(t *testing.T) {
	sandboxtest.NeedRoot(t)
	pid := other(t)
	for _, kind := range []Kind{Mount, UTS} {
		before, theirs := link(t, "/proc/self/ns/"+kind.String()), link(t, Path(pid, kind))
		var seen string
		require.NoError(t, Do(Path(pid, kind), func() error {
			seen = link(t, "/proc/thread-self/ns/"+kind.String())
			return nil
		}))
		if seen != theirs {
			t.Errorf("inside, the %s namespace is %s, want %s", kind, seen, theirs)
		}
		if after := link(t, "/proc/self/ns/"+kind.String()); after != before {
			t.Errorf("the process itself has moved to %s", after)
		}
	}
}

func TestDoErrors(t *testing.T) {
	sandboxtest.NeedRoot(t)
	if err := Do("/nowhere", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such namespace: %v", err)
	}
	if err := Do(os.DevNull, nil); !errors.Is(err, unix.EINVAL) {
		t.Errorf("/dev/null is no namespace: %v", err)
	}
	mine := errors.New("mine")
	if err := Do("/proc/self/ns/uts", func() error { return mine }); err != mine {
		t.Errorf("the error of fn is the answer, got %v", err)
	}
}

// The first thread of a process cannot be thrown away, so it must never be
// the one that moves: /proc/self would show the other namespace for ever.
func TestTheFirstThreadNeverMoves(t *testing.T) {
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			for range 5 {
				runtime.Gosched()
				Aside(func() error {
					if unix.Gettid() == unix.Getpid() {
						t.Error("work landed on the first thread")
					}
					return nil
				})
			}
		})
	}
	wg.Wait()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if tasks, err := os.ReadDir("/proc/self/task"); err != nil || len(tasks) > 300 {
		t.Errorf("the threads were not thrown away: %d are left (%v)", len(tasks), err)
	}
}
