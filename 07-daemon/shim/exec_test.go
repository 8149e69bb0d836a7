package shim

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/sandbox"
	"drydock/02-cgroups/cgroup"
)

// sleeper is a container to execute something in.
func sleeper(t *testing.T) *Shim {
	t.Helper()
	b := bundle(t, "sleep", "1000")
	withGroup(t, &b, cgroup.Limits{PIDs: 50})
	return run(t, b)
}

func command(id string, args ...string) Exec {
	return Exec{ID: id, Attach: all, Process: sandbox.Process{
		Args: args, Env: []string{"PATH=/bin"}, Capabilities: capability.Default(),
	}}
}

func waitExec(t *testing.T, s *Shim, id string) sandbox.Exit {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	exit, err := s.WaitExec(ctx, id)
	require.NoError(t, err)
	return exit
}

func TestExecWithStreams(t *testing.T) {
	s := sleeper(t)
	client, server := socket(t)
	pid, err := s.Exec(server, command("x", "talk"))
	require.NoError(t, err)
	require.NoError(t, server.Close())
	if pid <= 0 || pid == s.Pid() {
		t.Errorf("its pid is %d, the container's %d", pid, s.Pid())
	}
	_, err = client.Write([]byte("hello\n"))
	require.NoError(t, err)
	require.NoError(t, client.CloseWrite())
	out, errs := everything(t, client)
	if out != "out\nheard hello\nbye\n" || errs != "err\n" {
		t.Errorf("got %q and %q", out, errs)
	}
	// Clients ask for the exit as soon as the connection closes.
	status, err := s.ExecStatus("x")
	require.NoError(t, err)
	if status.Running || status.Exit.Code != 7 {
		t.Errorf("when its connection is closed the status is %+v", status)
	}
	if exit := waitExec(t, s, "x"); exit.Code != 7 {
		t.Errorf("got %+v", exit)
	}
	if _, err := s.ExecStatus("x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was asked for is forgotten: %v", err)
	}
}

func TestDetachedExec(t *testing.T) {
	s := sleeper(t)
	_, err := s.Exec(nil, command("x", "exit", "3"))
	require.NoError(t, err)
	if exit := waitExec(t, s, "x"); exit.Code != 3 {
		t.Errorf("got %+v", exit)
	}
}

func TestExecOfNothing(t *testing.T) {
	s := sleeper(t)
	client, server := socket(t)
	_, err := s.Exec(server, command("x", "no-such-program"))
	server.Close()
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no-such-program") {
		t.Errorf("got %v", err)
	}
	if n, err := client.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("its connection must be closed: %d, %v", n, err)
	}
}

func TestExecSharesTheGroup(t *testing.T) {
	b := bundle(t, "sleep", "1000")
	withGroup(t, &b, cgroup.Limits{PIDs: 50})
	s := run(t, b)
	pid, err := s.Exec(nil, command("x", "sleep", "1000"))
	require.NoError(t, err)
	group, err := b.Tree.Open(b.Group)
	require.NoError(t, err)
	pids, err := group.PIDs()
	require.NoError(t, err)
	if len(pids) != 2 || pids[0] != pid && pids[1] != pid {
		t.Errorf("in the group are %v, want %d and %d", pids, s.Pid(), pid)
	}
}

func TestExecWithTerminal(t *testing.T) {
	s := sleeper(t)
	client, server := socket(t)
	e := command("x", "window")
	e.Process.Terminal, e.Process.Rows, e.Process.Columns = true, 5, 6
	_, err := s.Exec(server, e)
	require.NoError(t, err)
	server.Close()
	screen := bufio.NewReader(client)
	expect(t, screen, "5x6\r\n")
	require.NoError(t, s.Resize("x", 7, 8))
	expect(t, screen, "7x8\r\n")
	client.Write([]byte{3})
	waitExec(t, s, "x")
}

func TestExecEndsWithTheContainer(t *testing.T) {
	s := sleeper(t)
	client, server := socket(t)
	_, err := s.Exec(server, command("x", "sleep", "1000"))
	require.NoError(t, err)
	server.Close()
	require.NoError(t, s.Signal(unix.SIGKILL))
	wait(t, s)
	everything(t, client) // comes to its end
	if _, err := s.Exec(nil, command("y", "true")); err == nil {
		t.Error("a program was executed in a container that is gone")
	}
}

func TestProcessLeftByAnExecDoesNotHoldIt(t *testing.T) {
	s := sleeper(t)
	client, server := socket(t)
	_, err := s.Exec(server, command("x", "leave"))
	require.NoError(t, err)
	server.Close()
	begun := time.Now()
	if exit := waitExec(t, s, "x"); exit.Code != 0 {
		t.Errorf("got %+v", exit)
	}
	everything(t, client)
	if took := time.Since(begun); took > drainTime+patience/2 {
		t.Errorf("it took %s", took)
	}
}

func TestExecTwiceWithOneId(t *testing.T) {
	s := sleeper(t)
	_, err := s.Exec(nil, command("x", "sleep", "1000"))
	require.NoError(t, err)
	if _, err := s.Exec(nil, command("x", "true")); !errors.Is(err, os.ErrExist) {
		t.Errorf("got %v", err)
	}
}

func TestManyExecsAtOnce(t *testing.T) {
	s := sleeper(t)
	ids := strings.Split("abcdefgh", "")
	failed := make(chan error, len(ids))
	for _, id := range ids {
		go func() {
			_, err := s.Exec(nil, command(id, "exit", "5"))
			failed <- err
		}()
	}
	for range ids {
		require.NoError(t, <-failed)
	}
	for _, id := range ids {
		if exit := waitExec(t, s, id); exit.Code != 5 {
			t.Errorf("%s: got %+v", id, exit)
		}
	}
}
