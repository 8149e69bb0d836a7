package daemon

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/07-daemon/shim"
)

// serveForever is the program "serve": a daemon that runs what its input says
// and then waits to be killed.
func serveForever() int {
	var order struct {
		Config Config
		Root   tree
		Runs   map[string][]string
	}
	fail := func(err error) int { fmt.Println(err); return 1 }
	if err := json.NewDecoder(os.Stdin).Decode(&order); err != nil {
		return fail(err)
	}
	c := order.Config
	c.Images, c.Snapshots = order.Root, order.Root
	var err error
	if c.Shim, err = shim.Seal("/proc/self/exe"); err != nil {
		return fail(err)
	}
	d, err := Open(c)
	if err != nil {
		return fail(err)
	}
	for name, args := range order.Runs {
		answer, err := d.Create(background, name, request(nil, "", args...))
		if err == nil {
			err = d.Start(background, answer.ID)
		}
		if err != nil {
			return fail(err)
		}
	}
	fmt.Println("ready")
	time.Sleep(time.Hour)
	return 0
}

// A daemon is killed at work; its containers go on, one of them ends, and the
// next daemon knows all of it.
func TestContainersOutliveTheDaemon(t *testing.T) {
	f := launchDaemon(t)
	c := f.config
	c.Root, c.ExecRoot = t.TempDir(), t.TempDir()
	root := c.Snapshots.(tree)
	helper := exec.Command("/proc/self/exe")
	helper.Args[0], helper.Stderr = "serve", os.Stderr
	in, err := helper.StdinPipe()
	require.NoError(t, err)
	out, err := helper.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, helper.Start())
	bare := c
	bare.Images, bare.Snapshots, bare.Shim, bare.Logger = nil, nil, nil, nil
	require.NoError(t, json.NewEncoder(in).Encode(map[string]any{"Config": bare, "Root": root, "Runs": map[string][]string{
		"lives": {"sleep", "100"}, "dies": {"sleep", "100"},
	}}))
	in.Close()
	said := make([]byte, 6)
	_, err = io.ReadFull(out, said)
	require.NoError(t, err)
	require.Equal(t, "ready\n", string(said), "the helper said")
	require.NoError(t, helper.Process.Kill())
	helper.Wait()

	dies := pidOf(t, c, "dies")
	require.NoError(t, dies.Signal(os.Kill))
	awaitExit(t, c, "dies")
	g := openDaemon(t, c)
	now, err := g.Inspect("dies", false)
	require.NoError(t, err)
	if now.State.Running || now.State.ExitCode != 137 {
		t.Errorf("what died unseen is %s with %d, want exited with 137", now.State.Status, now.State.ExitCode)
	}
	now, err = g.Inspect("lives", false)
	require.NoError(t, err)
	require.True(t, now.State.Running, "the container must outlive its daemon")
	g.ready(now.ID)
	require.NoError(t, g.Stop(background, "lives", StopOptions{}))
	if got := g.code("lives"); got != 0 {
		t.Errorf("the adopted container ended with %d", got)
	}
}

// recordOf reads the record of a container from disk, as the next daemon will.
func recordOf(t *testing.T, c Config, name string) *record {
	t.Helper()
	store, err := openRecords(c.Root)
	require.NoError(t, err)
	records, err := store.Load()
	require.NoError(t, err)
	for _, r := range records {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("there is no record of %s", name)
	return nil
}

// pidOf is the first process of a container that a killed daemon started.
func pidOf(t *testing.T, c Config, name string) *os.Process {
	t.Helper()
	p, err := os.FindProcess(recordOf(t, c, name).State.Pid)
	require.NoError(t, err)
	return p
}

// awaitExit waits until the shim has left its exit status and gone.
func awaitExit(t *testing.T, c Config, name string) {
	t.Helper()
	s, err := shim.Connect(c.ExecRoot + "/" + recordOf(t, c, name).ID)
	if err == nil {
		<-s.Gone()
	}
}
