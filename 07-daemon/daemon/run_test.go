package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/require"

	"drydock/07-daemon/stdio"
)

var background = context.Background()

// logs is what Logs writes, taken out of its frames if it is in any.
func (f fleet) logs(id string, o LogOptions) string {
	f.t.Helper()
	var framed, plain bytes.Buffer
	require.NoError(f.t, f.Logs(background, id, o, &framed))
	if raw, _ := f.Terminal(id); raw {
		return framed.String()
	}
	require.NoError(f.t, stdio.Split(&plain, &plain, &framed))
	return plain.String()
}

// ready waits until a container has written its first line.
func (f fleet) ready(id string) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(background, 20*time.Second)
	defer cancel()
	said := &bytes.Buffer{}
	f.Logs(ctx, id, LogOptions{Stdout: true, Follow: true, Tail: -1}, lineThen{said, cancel})
	require.NotZero(f.t, said.Len(), "the container never said that it is ready")
}

// lineThen calls done with the first bytes.
type lineThen struct {
	*bytes.Buffer
	done func()
}

func (l lineThen) Write(p []byte) (int, error) {
	if len(p) > 0 {
		l.done()
	}
	return l.Buffer.Write(p)
}

func TestRunOutputExitCode(t *testing.T) {
	f := launchDaemon(t)
	for _, c := range []struct {
		args []string
		code int
		out  string
	}{
		{[]string{"echo", "hello", "world"}, 0, "hello world\n"},
		{[]string{"exit", "7"}, 7, ""},
		{[]string{"false"}, 1, ""},
	} {
		id := f.run("", "", c.args...)
		if got := f.code(id); got != c.code {
			t.Errorf("%v ended with %d, want %d", c.args, got, c.code)
		}
		if got := f.output(id); got != c.out {
			t.Errorf("%v wrote %q, want %q", c.args, got, c.out)
		}
	}
}

func TestFailedStartKeepsDockersCode(t *testing.T) {
	f := launchDaemon(t)
	require.NoError(t, os.WriteFile(filepath.Join(string(f.config.Snapshots.(tree)), "etc/text"), nil, 0o644))
	for _, c := range []struct {
		program, words string
		code           int
	}{
		{"nope", `exec: "nope": executable file not found in $PATH: unknown`, 127},
		{"/nope", "no such file or directory: unknown", 127},
		{"/etc", "is a directory: unknown", 126},
		{"/etc/text", "permission denied: unknown", 126},
	} {
		id := f.create("", "", c.program)
		err := f.Start(background, id)
		if !errdefs.IsInvalidArgument(err) || !strings.HasPrefix(err.Error(), initPrefix) || !strings.HasSuffix(err.Error(), c.words) {
			t.Errorf("start of %s says %v, want …%s", c.program, err, c.words)
		}
		now, err := f.Inspect(id, false)
		require.NoError(t, err)
		if now.State.Status != "created" || now.State.ExitCode != c.code || now.State.Error == "" {
			t.Errorf("%s: %s with %d, want created with %d and the reason", c.program, now.State.Status, now.State.ExitCode, c.code)
		}
	}
}

func TestStopAsksFirstAndThenKills(t *testing.T) {
	f := launchDaemon(t)
	polite, rude := f.run("polite", "", "sleep", "100"), f.run("rude", "", "stubborn")
	f.ready(polite)
	f.ready(rude)
	one := 1
	for _, id := range []string{polite, rude} {
		require.NoError(t, f.Stop(background, id, StopOptions{Timeout: &one}))
	}
	if got := f.code(polite); got != 0 {
		t.Errorf("a program that obeys SIGTERM ended with %d", got)
	}
	if got := f.code(rude); got != 137 {
		t.Errorf("a program that ignores SIGTERM ended with %d, want 137 for the SIGKILL", got)
	}
	if err := f.Stop(background, polite, StopOptions{}); !errdefs.IsNotModified(err) {
		t.Errorf("stop of a stopped container says %v, want not modified", err)
	}
}

func TestAutoRemoveFreesTheNameBeforeTheAnswer(t *testing.T) {
	f := launchDaemon(t)
	for range 3 {
		id := f.create("fleeting", `{"HostConfig":{"AutoRemove":true}}`, "exit", "3")
		wait, err := f.Wait(id, container.WaitConditionRemoved)
		require.NoError(t, err)
		require.NoError(t, f.Start(background, id))
		if got := f.await(wait); got != 3 {
			t.Errorf("waited for code %d, want 3", got)
		}
		if _, err := f.Inspect(id, false); !errdefs.IsNotFound(err) {
			t.Errorf("after its removal inspect says %v", err)
		}
	}
	f.UsedBy("sha256:1234567890") // waits for those that are on their way out
	left, err := os.ReadDir(f.config.Root)
	require.NoError(t, err)
	if len(left) != 0 {
		t.Errorf("%d records are left behind", len(left))
	}
}

func TestNameConflictIsDockersSentence(t *testing.T) {
	f := launchDaemon(t)
	id := f.create("taken", "", "true")
	_, err := f.Create(background, "taken", request(t, "", "true"))
	want := `Conflict. The container name "/taken" is already in use by container "` + id +
		`". You have to remove (or rename) that container to be able to reuse that name.`
	if !errdefs.IsConflict(err) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = f.Create(background, "", request(t, `{"Image":"missing"}`, "true"))
	if !errdefs.IsNotFound(err) || err.Error() != "No such image: missing:latest" {
		t.Errorf("an unknown image says %v", err)
	}
}

func TestEnvironmentAndHostname(t *testing.T) {
	f := launchDaemon(t)
	id := f.run("", `{"Env":["A=1","FROM=user"],"Hostname":"boat"}`, "env")
	require.Zero(t, f.code(id))
	out := f.output(id)
	for _, want := range []string{"A=1\n", "FROM=user\n", "HOSTNAME=boat\n", "PATH=/bin\n", "HOME=/"} {
		if !strings.Contains(out, want) {
			t.Errorf("the program misses %q in its environment:\n%s", want, out)
		}
	}
	id = f.run("", `{"Hostname":"boat"}`, "cat", "/etc/hostname")
	require.Zero(t, f.code(id))
	if got := f.output(id); got != "boat\n" {
		t.Errorf("/etc/hostname says %q", got)
	}
}

func TestMemoryLimitKillsAndSaysSo(t *testing.T) {
	f := launchDaemon(t)
	id := f.run("", `{"HostConfig":{"Memory":16777216}}`, "eat", "64")
	if got := f.code(id); got != 137 {
		t.Errorf("a greedy program ended with %d, want 137", got)
	}
	now, err := f.Inspect(id, false)
	require.NoError(t, err)
	if !now.State.OOMKilled {
		t.Error("inspect does not tell of the OOM kill")
	}
}

func TestVolumesBindsAndCopyUp(t *testing.T) {
	shelf := newShelf(t)
	f := launchDaemon(t, func(c *Config) { c.Volumes = shelf })
	host := t.TempDir()
	binds, err := json.Marshal(map[string]any{"HostConfig": map[string]any{"Binds": []string{host + ":/here", "data:/etc"}}})
	require.NoError(t, err)
	id := f.run("", string(binds), "touch", "/here/file")
	require.Zero(t, f.code(id), f.output(id))
	if _, err := os.Stat(filepath.Join(host, "file")); err != nil {
		t.Errorf("what the container wrote into its bind mount: %v", err)
	}
	if got := shelf.filled["data"]; !strings.Contains(got, "passwd") {
		t.Errorf("the volume was filled with %q, want the image's /etc", got)
	}
	id = f.run("", strings.Replace(string(binds), ":/here", ":/here:ro", 1), "touch", "/here/more")
	if got := f.code(id); got == 0 {
		t.Error("a container wrote into a read-only bind mount")
	}
	require.NoError(t, f.Remove(background, id, RemoveOptions{Volumes: true}))
	if _, ok := shelf.volumes["data"]; !ok {
		t.Error("rm -v removed a volume that has a name")
	}
}

// A volume whose options name a tmpfs is one: the directory stays empty.
func TestVolumeOfMemory(t *testing.T) {
	shelf := newShelf(t)
	f := launchDaemon(t, func(c *Config) { c.Volumes = shelf })
	for _, c := range []struct {
		readOnly string
		code     int
	}{{"false", 0}, {"true", 1}} {
		id := f.run("", `{"HostConfig":{"Mounts":[{"Type":"volume","Source":"fast","Target":"/fast","ReadOnly":`+c.readOnly+`,
			"VolumeOptions":{"DriverConfig":{"Name":"local","Options":{"type":"tmpfs","device":"tmpfs","o":"size=1m"}}}}]}}`, "touch", "/fast/file")
		if got := f.code(id); got != c.code {
			t.Errorf("read-only %s: a write ends with %d: %s", c.readOnly, got, f.output(id))
		}
	}
	left, err := os.ReadDir(shelf.volumes["fast"].Path)
	require.NoError(t, err)
	if len(left) != 0 {
		t.Errorf("the file landed on the host's disk: %v", left)
	}
}

func TestDevicesOfTheHostAreDenied(t *testing.T) {
	f := launchDaemon(t)
	if id := f.run("", "", "touch", "/dev/null"); f.code(id) != 0 {
		t.Errorf("/dev/null: %s", f.output(id))
	}
	// The node is there, but it was given for reading only.
	id := f.run("", `{"HostConfig":{"Devices":[{"PathOnHost":"/dev/zero","PathInContainer":"/dev/mine","CgroupPermissions":"r"},{"PathOnHost":"/dev/kmsg","PathInContainer":"/dev/log","CgroupPermissions":"r"}]}}`, "touch", "/dev/log")
	if got := f.code(id); got == 0 {
		t.Error("a container wrote to a device that it may only read")
	}
	_, err := f.Create(background, "", request(t, `{"HostConfig":{"Devices":[{"PathOnHost":"/dev/nope"}]}}`, "true"))
	if err == nil || !strings.Contains(err.Error(), `custom device "/dev/nope"`) {
		t.Errorf("a missing device: %v", err)
	}
}

func TestPauseHoldsAndUnpauseLetsGo(t *testing.T) {
	f := launchDaemon(t)
	id := f.run("", "", "sleep", "100")
	f.ready(id)
	require.NoError(t, f.Pause(id))
	if err := f.Start(background, id); !errdefs.IsConflict(err) {
		t.Errorf("start of a paused container says %v", err)
	}
	require.NoError(t, f.Unpause(id))
	require.NoError(t, f.Pause(id))
	require.NoError(t, f.Kill(id, "KILL"))
	if got := f.code(id); got != 137 {
		t.Errorf("a paused container was killed and ended with %d", got)
	}
}

func TestExecHasItsOwnCode(t *testing.T) {
	f := launchDaemon(t)
	id := f.run("", "", "sleep", "100")
	f.ready(id)
	for args, want := range map[string]int{"true": 0, "exit 5": 5, "nope": 127} {
		e, err := f.ExecCreate(id, container.ExecCreateRequest{Cmd: strings.Fields(args)})
		require.NoError(t, err)
		err = f.ExecStart(background, e, container.ExecStartRequest{Detach: true}, nil)
		if (err != nil) != (args == "nope") {
			t.Errorf("exec of %s: %v", args, err)
		}
		found, err := f.findExec(e)
		require.NoError(t, err)
		<-found.done
		now, err := f.ExecInspect(e)
		require.NoError(t, err)
		if now.Running || now.ExitCode == nil || *now.ExitCode != want {
			t.Errorf("exec of %s: %+v, want code %d", args, now, want)
		}
	}
}

func TestRestartPolicyCounts(t *testing.T) {
	f := launchDaemon(t)
	id := f.create("", `{"HostConfig":{"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":2}}}`, "false")
	wait, err := f.Wait(id, container.WaitConditionNextExit)
	require.NoError(t, err)
	require.NoError(t, f.Start(background, id))
	f.await(wait)
	if got := f.code(id); got != 1 {
		t.Errorf("it ended with %d", got)
	}
	now, err := f.Inspect(id, false)
	require.NoError(t, err)
	if now.RestartCount != 2 || now.State.Running {
		t.Errorf("restarted %d times, running %v; want 2 and rest", now.RestartCount, now.State.Running)
	}
}

func TestRunStepWritesOutputAndTellsTheCode(t *testing.T) {
	f := launchDaemon(t)
	var out bytes.Buffer
	err := f.RunStep(background, Step{Key: "any", Args: []string{"echo", "built"}, Env: []string{"PATH=/bin"}, Network: "none", Output: &out})
	require.NoError(t, err)
	if out.String() != "built\n" {
		t.Errorf("the step wrote %q", out.String())
	}
	err = f.RunStep(background, Step{Key: "any", Args: []string{"exit", "4"}, Env: []string{"PATH=/bin"}, Network: "none"})
	var exit *ExitError
	if require.ErrorAs(t, err, &exit); exit.Code != 4 {
		t.Errorf("the step failed with %d, want 4", exit.Code)
	}
	left, err := os.ReadDir(f.config.ExecRoot)
	require.NoError(t, err)
	if len(left) != 0 {
		t.Errorf("steps left %v behind", left)
	}
}

func TestNothingStartsWhileTheDaemonGoes(t *testing.T) {
	f := launchDaemon(t)
	id := f.create("late", "", "sleep", "1000")
	require.NoError(t, f.Close(background))
	if err := f.Start(background, id); !errdefs.IsUnavailable(err) {
		t.Errorf("a start after the daemon stopped its containers: %v", err)
	}
}
