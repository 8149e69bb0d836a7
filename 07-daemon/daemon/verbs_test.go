package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	"github.com/stretchr/testify/require"

	"drydock/07-daemon/event"
	"drydock/07-daemon/filter"
)

// Each look at the statistics brings the one before it along, so that a client
// can tell how busy the container was in between.
func TestFollowStats(t *testing.T) {
	f := launchDaemon(t)
	id := f.run("", `{"HostConfig":{"Memory":67108864,"PidsLimit":50}}`, "sleep", "100")
	f.ready(id)
	ctx, cancel := context.WithTimeout(background, 20*time.Second)
	defer cancel()
	var looks []container.StatsResponse
	err := f.FollowStats(ctx, id, func(now container.StatsResponse) error {
		if looks = append(looks, now); len(looks) == 2 {
			cancel()
		}
		return nil
	})
	require.NoError(t, err)
	require.Len(t, looks, 2)
	first, second := looks[0], looks[1]
	if !first.PreRead.IsZero() || !second.PreRead.Equal(first.Read) || second.PreCPUStats.CPUUsage.TotalUsage != first.CPUStats.CPUUsage.TotalUsage {
		t.Errorf("the second look compares with %v, %+v; the first was %v, %+v", second.PreRead, second.PreCPUStats, first.Read, first.CPUStats)
	}
	if first.MemoryStats.Limit != 64<<20 || first.MemoryStats.Usage == 0 || first.PidsStats.Limit != 50 || first.PidsStats.Current == 0 {
		t.Errorf("memory %d of %d, processes %+v", first.MemoryStats.Usage, first.MemoryStats.Limit, first.PidsStats)
	}
	require.NoError(t, f.Remove(background, id, RemoveOptions{Force: true}))
	if err := f.FollowStats(background, id, nil); err != nil {
		t.Errorf("following what was removed: %v", err)
	}
}

func TestTopShowsTheContainersProcessesAlone(t *testing.T) {
	f := launchDaemon(t)
	id, other := f.run("", "", "sleep", "100"), f.run("", "", "sleep", "99")
	f.ready(id)
	top, err := f.Top(id, "")
	require.NoError(t, err)
	command := slices.Index(top.Titles, "CMD")
	if len(top.Processes) != 1 || !strings.HasSuffix(top.Processes[0][command], "sleep 100") {
		t.Errorf("got %v", top)
	}
	for _, bad := range []string{"-o pid /etc/passwd", "$(id)", "`id`", "-ef;id"} {
		if _, err := f.Top(id, bad); !errdefs.IsInvalidArgument(err) {
			t.Errorf("arguments %q for ps: %v", bad, err)
		}
	}
	require.NoError(t, f.Kill(other, ""))
	if _, err := f.Top(other, ""); !errdefs.IsConflict(err) {
		t.Errorf("top of a container that ended: %v", err)
	}
}

// The pauses between restarts double; a stop in such a pause is the end of it.
func TestRestartsPauseLongerEachTime(t *testing.T) {
	f := launchDaemon(t)
	starts := make(chan time.Time, 100)
	ctx, cancel := context.WithTimeout(background, 20*time.Second)
	defer cancel()
	go f.Events().Follow(ctx, event.Query{Since: time.Now().Add(-time.Second)}, func(m events.Message) error {
		if m.Action == events.ActionStart {
			starts <- time.Unix(0, m.TimeNano)
		}
		return nil
	})
	id := f.run("", `{"HostConfig":{"RestartPolicy":{"Name":"always"}}}`, "false")
	var at []time.Time
	for range 4 {
		select {
		case s := <-starts:
			at = append(at, s)
		case <-ctx.Done():
			t.Fatalf("it started only %d times", len(at))
		}
	}
	for i, least := range []time.Duration{firstPause, 2 * firstPause, 4 * firstPause} {
		if pause := at[i+1].Sub(at[i]); pause < least {
			t.Errorf("restart %d came after %s, want at least %s", i+1, pause, least)
		}
	}
	require.NoError(t, f.Stop(background, id, StopOptions{}))
	now, err := f.Inspect(id, false)
	require.NoError(t, err)
	if now.State.Status != container.StateExited || now.RestartCount < 3 {
		t.Errorf("after the stop it is %s, restarted %d times", now.State.Status, now.RestartCount)
	}
	if err := f.Stop(background, id, StopOptions{}); !errdefs.IsNotModified(err) {
		t.Errorf("a second stop: %v", err)
	}
}

// What update sets holds at once, and what it does not name stays.
func TestUpdateReachesTheGroup(t *testing.T) {
	f := launchDaemon(t)
	id := f.run("", `{"HostConfig":{"Memory":67108864,"CpuShares":512}}`, "sleep", "100")
	f.ready(id)
	change := func(text string) error {
		var u container.UpdateConfig
		require.NoError(t, json.Unmarshal([]byte(text), &u))
		_, err := f.Update(id, u)
		return err
	}
	require.NoError(t, change(`{"Memory":134217728,"MemorySwap":134217728,"PidsLimit":7,"RestartPolicy":{"Name":"on-failure","MaximumRetryCount":3}}`))
	now, err := f.Stats(id)
	require.NoError(t, err)
	if now.MemoryStats.Limit != 128<<20 || now.PidsStats.Limit != 7 {
		t.Errorf("the group has a limit of %d bytes and %d processes", now.MemoryStats.Limit, now.PidsStats.Limit)
	}
	saved := recordOf(t, f.config, f.all()[0].record.Name).HostConfig
	if saved.Memory != 128<<20 || saved.CPUShares != 512 || saved.RestartPolicy.MaximumRetryCount != 3 {
		t.Errorf("the record says %d, %d, %+v", saved.Memory, saved.CPUShares, saved.RestartPolicy)
	}
	for text, words := range map[string]string{
		`{"Memory":1024}`:                      "Minimum memory limit allowed is 6MB",
		`{"RestartPolicy":{"Name":"perhaps"}}`: "invalid restart policy",
		`{"CpusetCpus":"4000"}`:                "Requested CPUs are not available",
	} {
		if err := change(text); !errdefs.IsInvalidArgument(err) || !strings.Contains(err.Error(), words) {
			t.Errorf("update to %s: %v, want …%s…", text, err, words)
		}
	}
	if kept := recordOf(t, f.config, f.all()[0].record.Name).HostConfig; kept.Memory != 128<<20 {
		t.Errorf("a refused update changed the limit to %d", kept.Memory)
	}
}

func TestPruneTakesWhatRestsAndMatches(t *testing.T) {
	f := launchDaemon(t)
	runs := f.run("runs", `{"Labels":{"keep":"1"}}`, "sleep", "100")
	ended := f.run("ended", `{"Labels":{"batch":"a"}}`, "true")
	f.code(ended)
	f.create("never", `{"Labels":{"batch":"b"}}`, "true")
	for _, c := range []struct {
		filters string
		want    int
	}{
		{`{"until":["24h"]}`, 0}, // all are younger
		{`{"label":["batch=c"]}`, 0},
		{`{"label":["batch=b"]}`, 1},
		{`{"label!":["batch=a"]}`, 0},
		{`{}`, 1},
	} {
		args, err := filter.Parse(c.filters)
		require.NoError(t, err)
		report, err := f.Prune(background, args)
		require.NoError(t, err)
		if len(report.ContainersDeleted) != c.want {
			t.Errorf("with %s it removed %v, want %d", c.filters, report.ContainersDeleted, c.want)
		}
	}
	left := f.all()
	if len(left) != 1 || left[0].id != runs {
		t.Errorf("%d containers are left, want the one that runs", len(left))
	}
	for _, bad := range []string{`{"name":["x"]}`, `{"until":["soon"]}`, `{"until":["1h","2h"]}`} {
		args, err := filter.Parse(bad)
		require.NoError(t, err)
		if _, err := f.Prune(background, args); !errdefs.IsInvalidArgument(err) {
			t.Errorf("filters %s: %v", bad, err)
		}
	}
}

func TestRenameFreesTheOldName(t *testing.T) {
	f := launchDaemon(t)
	id := f.create("old", "", "true")
	require.NoError(t, f.Rename("old", "new"))
	for _, c := range []struct{ ref, to, words string }{
		{"old", "other", "No such container: old"},
		{"new", "", "Neither old nor new names may be empty"},
		{"new", "new", "same name as its current name"},
		{"new", "b@d", "Invalid container name (b@d)"},
	} {
		if err := f.Rename(c.ref, c.to); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("rename %s to %q: %v, want …%s…", c.ref, c.to, err, c.words)
		}
	}
	second := f.create("old", "", "true")
	if err := f.Rename(second, "new"); !errdefs.IsConflict(err) || !strings.Contains(err.Error(), fmt.Sprintf("already in use by container %q", id)) {
		t.Errorf("a name in use: %v", err)
	}
}

// A daemon that closes stops its containers, and a restart policy starts them
// again with the next one; those that a user had stopped rest.
func TestCloseStopsAndTheNextDaemonStartsAgain(t *testing.T) {
	f := launchDaemon(t)
	unless := f.run("unless", `{"HostConfig":{"RestartPolicy":{"Name":"unless-stopped"}}}`, "sleep", "100")
	stopped := f.run("stopped", `{"HostConfig":{"RestartPolicy":{"Name":"unless-stopped"}}}`, "sleep", "100")
	plain := f.run("plain", "", "sleep", "100")
	for _, id := range []string{unless, stopped, plain} {
		f.ready(id)
	}
	require.NoError(t, f.Stop(background, stopped, StopOptions{}))
	require.NoError(t, f.Close(background))
	g := openDaemon(t, f.config)
	within(t, 20*time.Second, "the start of what was running", func() {
		started := make(chan struct{})
		ctx, cancel := context.WithCancel(background)
		defer cancel()
		go g.Events().Follow(ctx, event.Query{Since: time.Unix(1, 0)}, func(m events.Message) error {
			if m.Action == events.ActionStart && m.Actor.ID == unless {
				close(started)
			}
			return nil
		})
		<-started
	})
	for id, want := range map[string]container.ContainerState{unless: "running", stopped: "exited", plain: "exited"} {
		now, err := g.Inspect(id, false)
		require.NoError(t, err)
		if now.State.Status != want {
			t.Errorf("%s is %s under the next daemon, want %s", now.Name, now.State.Status, want)
		}
	}
}
