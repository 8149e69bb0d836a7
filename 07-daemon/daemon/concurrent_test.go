package daemon

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/require"

	"drydock/07-daemon/lifecycle"
)

// within fails the test when f does not return: a deadlock is a sentence, not
// the end of the whole test run.
func within(t *testing.T, patience time.Duration, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s did not end within %s", what, patience)
	}
}

// A start that follows an exit at once finds a container that is still being
// cleaned up, and waits for that without standing in its way.
func TestStartRightAfterTheExit(t *testing.T) {
	f := launchDaemon(t)
	id := f.create("", "", "true")
	within(t, time.Minute, "starting one container 30 times", func() {
		for range 30 {
			require.NoError(t, f.Start(background, id))
			f.code(id)
		}
	})
}

// Two clients restart the same container: both succeed, it runs once.
func TestRestartsMeet(t *testing.T) {
	f := launchDaemon(t)
	id := f.run("", "", "sleep", "100")
	f.ready(id)
	within(t, time.Minute, "two restarts at a time", func() {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				zero := 0
				if err := f.Restart(background, id, StopOptions{Timeout: &zero}); err != nil {
					t.Errorf("restart: %v", err)
				}
			})
		}
		wg.Wait()
	})
	now, err := f.Inspect(id, false)
	require.NoError(t, err)
	if !now.State.Running {
		t.Errorf("after the restarts it is %s", now.State.Status)
	}
}

// Everything that clients may do to one container, from many sides at a time.
// The laws: every call returns, with nothing or with an error that the client
// is told apart; and when all is quiet the container is in a state of rest.
func TestManyHandsOnOneContainer(t *testing.T) {
	f := launchDaemon(t)
	id := f.create("busy", "", "sleep", "100")
	zero := 0
	verbs := []func() error{
		func() error { return f.Start(background, id) },
		func() error { return f.Stop(background, id, StopOptions{Timeout: &zero}) },
		func() error { return f.Restart(background, id, StopOptions{Timeout: &zero}) },
		func() error { return f.Kill(id, "") },
		func() error { return f.Pause(id) },
		func() error { return f.Unpause(id) },
		func() error { return f.Rename(id, fmt.Sprintf("busy%d", rand.Int())) },
		func() error { _, err := f.Stats(id); return err },
		func() error { _, err := f.Top(id, ""); return err },
		func() error { _, err := f.Inspect(id, true); return err },
		func() error { _, err := f.List(ListOptions{All: true}); return err },
		func() error { return f.execNow(id) },
	}
	within(t, 3*time.Minute, "many hands on one container", func() {
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 12 {
					if err := verbs[rand.IntN(len(verbs))](); err != nil && !told(err) {
						t.Errorf("a client is told %v", err)
					}
				}
			})
		}
		wg.Wait()
		var gone sync.WaitGroup
		for range 4 {
			gone.Go(func() {
				f.Start(background, id)
				if err := f.Remove(background, id, RemoveOptions{Force: true}); err != nil && !told(err) {
					t.Errorf("a removal says %v", err)
				}
			})
		}
		gone.Wait()
	})
	if _, err := f.Inspect(id, false); !errdefs.IsNotFound(err) {
		t.Errorf("after its removal inspect says %v", err)
	}
	if n := f.Counts().All; n != 0 {
		t.Errorf("%d containers are left", n)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.names)+len(f.execs) != 0 {
		t.Errorf("names %v and %d execs are left", f.names, len(f.execs))
	}
}

// told says whether a client can tell what went wrong: the program may end
// under the hands of an exec, everything else must be classified.
func told(err error) bool {
	return errdefs.IsConflict(err) || errdefs.IsNotModified(err) || errdefs.IsNotFound(err) || errdefs.IsInvalidArgument(err)
}

func (f fleet) execNow(id string) error {
	e, err := f.ExecCreate(id, container.ExecCreateRequest{Cmd: []string{"true"}})
	if err != nil {
		return err
	}
	if err := f.ExecStart(background, e, container.ExecStartRequest{Detach: true}, nil); err != nil {
		return err
	}
	_, err = f.ExecInspect(e)
	return err
}

// A container that removes itself meets clients that start, stop and remove it.
func TestManyHandsOnOneThatRemovesItself(t *testing.T) {
	f := launchDaemon(t)
	within(t, 3*time.Minute, "containers that remove themselves", func() {
		for range 10 {
			id := f.create("fleeting", `{"HostConfig":{"AutoRemove":true}}`, "true")
			gone, err := f.Wait(id, container.WaitConditionRemoved)
			require.NoError(t, err)
			require.NoError(t, f.Start(background, id))
			var wg sync.WaitGroup
			for _, verb := range []func() error{
				func() error { return f.Start(background, id) },
				func() error { return f.Stop(background, id, StopOptions{}) },
				func() error { return f.Remove(background, id, RemoveOptions{Force: true}) },
			} {
				wg.Go(func() {
					if err := verb(); err != nil && !told(err) {
						t.Errorf("a client is told %v", err)
					}
				})
			}
			wg.Wait()
			f.await(gone)
		}
	})
}

// The states of every container that a daemon forgot on purpose.
func TestWaitersHearOfACancelledWait(t *testing.T) {
	f := launchDaemon(t)
	id := f.create("", "", "true")
	wait, err := f.Wait(id, container.WaitConditionNextExit)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(background)
	cancel()
	if _, err := wait(ctx); err == nil {
		t.Error("a wait whose client is gone must end")
	}
	if _, err := f.Wait(id, "whenever"); !errdefs.IsInvalidArgument(err) {
		t.Errorf("an unknown condition: %v", err)
	}
	b, err := f.find(id)
	require.NoError(t, err)
	if s := b.record.State.Status; s != lifecycle.Created {
		t.Errorf("waiting made it %s", s)
	}
}
