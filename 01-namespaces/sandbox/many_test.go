package sandbox

import (
	"flag"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/sandboxtest"
)

var long = flag.Bool("long", false, "start 10,000 boxes instead of 300")

// A node of a tree that keeps the garbage collector busy.
type node struct{ left, right *node }

func grow(depth int) *node {
	if depth == 0 {
		return &node{}
	}
	return &node{grow(depth - 1), grow(depth - 1)}
}

// churn makes garbage and collects it until stop is closed: whatever the
// runtime can do at the moment of a clone, it will be doing.
func churn(stop chan struct{}, wg *sync.WaitGroup) {
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				grow(10)
			}
		}
	})
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				runtime.GC()
			}
		}
	})
}

// tasks are the threads of this process.
func tasks(t *testing.T) []string {
	entries, err := os.ReadDir("/proc/self/task")
	require.NoError(t, err)
	var ids []string
	for _, e := range entries {
		ids = append(ids, e.Name())
	}
	return ids
}

func TestManyStartsFromABusyRuntime(t *testing.T) {
	sandboxtest.NeedRoot(t)
	starts := 300
	if *long {
		starts = 10_000
	}
	s := docker(t, "/bin/exit", "7")
	mounts, err := mount.Table()
	require.NoError(t, err)
	fds := opened()
	var busy, done sync.WaitGroup
	stop := make(chan struct{})
	churn(stop, &busy)
	var left, bad atomic.Int64
	left.Store(int64(starts))
	for range 4 {
		done.Go(func() {
			for left.Add(-1) >= 0 {
				if err := seven(s); err != nil {
					bad.Add(1)
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	close(stop)
	busy.Wait()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	t.Logf("%d starts, %d bad, %d collections meanwhile, %d threads", starts, bad.Load(), memory.NumGC, len(tasks(t)))
	require.Equal(t, fds, opened(), "descriptors leaked")
	after, err := mount.Table()
	require.NoError(t, err)
	require.Equal(t, mounts, after, "mounts leaked")
	if n := len(tasks(t)); n > 40 {
		t.Errorf("%d threads: they leak", n)
	}
}

// seven starts a box whose program must end with 7.
func seven(s Spec) error {
	box, err := Spawn(s, Stdio{})
	if err != nil {
		return err
	}
	defer box.Close()
	if err := box.Release(); err != nil {
		return err
	}
	exit, err := box.Wait()
	if err == nil && exit.Code != 7 {
		return notFound("it ended otherwise than with 7")
	}
	return err
}

// BenchmarkStart is a whole life: Spawn, Release, Wait.
func BenchmarkStart(b *testing.B) {
	sandboxtest.NeedRoot(b)
	s := docker(b, "/bin/exit", "7")
	for b.Loop() {
		if err := seven(s); err != nil {
			b.Fatal(err)
		}
	}
}

func TestManyEntersFromABusyRuntime(t *testing.T) {
	sandboxtest.NeedRoot(t)
	enters := 100
	if *long {
		enters = 1000
	}
	box := sleeper(t, docker(t, "sleep", "600"))
	fds := opened()
	var busy, done sync.WaitGroup
	stop := make(chan struct{})
	churn(stop, &busy)
	for range 4 {
		done.Go(func() {
			for range enters / 4 {
				if err := four(box.Pid()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	close(stop)
	busy.Wait()
	require.Equal(t, fds, opened(), "descriptors leaked")
	for _, task := range tasks(t) {
		active, err := os.Readlink("/proc/self/task/" + task + "/ns/pid")
		require.NoError(t, err)
		children, err := os.Readlink("/proc/self/task/" + task + "/ns/pid_for_children")
		require.NoError(t, err)
		require.Equal(t, active, children, "a thread has not come home to our PID namespace")
	}
}

// four enters the box of a process with a program that must end with 4.
func four(pid int) error {
	box, err := Enter(pid, Process{Args: []string{"/bin/exit", "4"}}, Stdio{})
	if err != nil {
		return err
	}
	defer box.Close()
	exit, err := box.Wait()
	if err == nil && exit.Code != 4 {
		return notFound("it ended otherwise than with 4")
	}
	return err
}
