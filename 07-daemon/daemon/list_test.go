package daemon

import (
	"fmt"
	"io/fs"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/06-networking/bridge"
	"drydock/07-daemon/filter"
	"drydock/07-daemon/lifecycle"
)

// harbour is a daemon with three containers in memory.
func harbour() *Daemon {
	d := &Daemon{boxes: map[string]*box{}, names: map[string]string{}, going: map[string]*box{}, execs: map[string]*execution{}}
	for i, c := range []struct {
		name   string
		status lifecycle.Status
		code   int
		label  string
	}{{"old", lifecycle.Exited, 3, "a"}, {"web", lifecycle.Running, 0, "b"}, {"new", lifecycle.Created, 0, "a"}} {
		r := &record{ID: strings.Repeat(string(rune('a'+i)), 64), Name: c.name, Path: "p", Created: time.Unix(int64(i), 0),
			Config:     &container.Config{Image: "img:1", Labels: map[string]string{"k": c.label}},
			HostConfig: &container.HostConfig{NetworkMode: "none"}, Image: "sha256:feedbeef",
			Networks: map[string]*network.EndpointSettings{"none": {}}}
		r.State.Status, r.State.ExitCode = c.status, c.code
		d.register(newBox(r))
	}
	return d
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	d := harbour()
	for _, c := range []struct {
		options ListOptions
		want    string
	}{
		{ListOptions{}, "web"},
		{ListOptions{All: true}, "new web old"},
		{ListOptions{Limit: 2}, "new web"},
		{ListOptions{Filters: filter.Args{"status": {"exited", "created"}}}, "new old"},
		{ListOptions{All: true, Filters: filter.Args{"label": {"k=a"}}}, "new old"},
		{ListOptions{All: true, Filters: filter.Args{"name": {"^/?w"}}}, "web"},
		{ListOptions{All: true, Filters: filter.Args{"id": {"cc"}}}, "new"},
		{ListOptions{Filters: filter.Args{"exited": {"3"}}}, "old"},
		{ListOptions{All: true, Filters: filter.Args{"since": {"old"}}}, "new web"},
		{ListOptions{All: true, Filters: filter.Args{"before": {"web"}}}, "old"},
		{ListOptions{All: true, Filters: filter.Args{"ancestor": {"img:1"}, "network": {"none"}}}, "new web old"},
		{ListOptions{All: true, Filters: filter.Args{"ancestor": {"feedb"}}}, "new web old"},
		{ListOptions{All: true, Filters: filter.Args{"ancestor": {"img"}}}, ""},
		{ListOptions{All: true, Filters: filter.Args{"volume": {"v"}}}, ""},
	} {
		list, err := d.List(c.options)
		require.NoError(t, err)
		var names []string
		for _, s := range list {
			names = append(names, strings.TrimPrefix(s.Names[0], "/"))
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%+v lists %q, want %q", c.options, got, c.want)
		}
	}
	for _, bad := range []filter.Args{{"nope": {"1"}}, {"status": {"happy"}}, {"exited": {"x"}}, {"since": {"nobody"}}} {
		if _, err := d.List(ListOptions{Filters: bad}); err == nil {
			t.Errorf("filter %v was accepted", bad)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	d := harbour()
	for ref, want := range map[string]string{"web": "b", "/web": "b", strings.Repeat("c", 64): "c", "aa": "a"} {
		b, err := d.find(ref)
		require.NoError(t, err, ref)
		if b.id[:1] != want {
			t.Errorf("%s is %s, want %s…", ref, b.id, want)
		}
	}
	if _, err := d.find("zz"); err == nil || err.Error() != "No such container: zz" {
		t.Errorf("an unknown name: %v", err)
	}
	d.register(newBox(&record{ID: "aa" + strings.Repeat("b", 62), Name: "twin"}))
	if _, err := d.find("aa"); err == nil || !strings.Contains(err.Error(), "multiple IDs found with provided prefix: aa") {
		t.Errorf("an ambiguous prefix: %v", err)
	}
}

func TestPortsOfAListAndOfInspect(t *testing.T) {
	t.Parallel()
	r := &record{Config: &container.Config{ExposedPorts: network.PortSet{network.MustParsePort("9/udp"): {}}}}
	r.State.Status = lifecycle.Running
	r.State.Leases = []bridge.Lease{{Ports: []bridge.Port{
		{HostPort: 8080, ContainerPort: 80, Protocol: "tcp"}, {HostIP: netip.MustParseAddr("127.0.0.1"), HostPort: 81, ContainerPort: 80, Protocol: "tcp"},
	}}}
	got := portSummaries(r)
	require.Len(t, got, 3)
	if got[0].PrivatePort != 9 || got[0].PublicPort != 0 || got[1].PublicPort != 81 || got[2].IP.String() != "0.0.0.0" {
		t.Errorf("got %+v", got)
	}
	if !published(r, "8080/tcp") || published(r, "8081") || !exposed(r, "1-10/udp") {
		t.Error("the filters publish and expose do not see the ports")
	}
	r.State.Status = lifecycle.Exited
	if len(ports(r)) != 0 {
		t.Error("a stopped container publishes nothing")
	}
}

func TestStatusColumn(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	for want, s := range map[string]state{
		"Up 5 minutes":                 {Status: lifecycle.Running, StartedAt: time.Unix(700, 0)},
		"Up 5 minutes (Paused)":        {Status: lifecycle.Paused, StartedAt: time.Unix(700, 0)},
		"Exited (137) 10 seconds ago":  {Status: lifecycle.Exited, ExitCode: 137, FinishedAt: time.Unix(990, 0)},
		"Restarting (1) 2 seconds ago": {Status: lifecycle.Restarting, ExitCode: 1, FinishedAt: time.Unix(998, 0)},
		"Created":                      {Status: lifecycle.Created},
	} {
		if got := describe(&s, now); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestStartErrorCodes(t *testing.T) {
	t.Parallel()
	for text, c := range map[string]struct {
		cause error
		code  int
	}{
		`exec: "foo": executable file not found in $PATH`: {fs.ErrNotExist, 127},
		`exec: "/foo": stat /foo`:                         {unix.ENOENT, 127},
		`exec: "/etc"`:                                    {unix.EISDIR, 126},
		`exec /bin/x`:                                     {unix.ENOEXEC, 126},
		`mount /nope on /x`:                               {unix.ENOENT, 128},
		`mount proc on /proc`:                             {unix.EPERM, 128},
	} {
		got, err := startError(&programError{fmt.Errorf("%s: %w", text, c.cause)})
		if got != c.code || !strings.Contains(err.Error(), text) || !strings.HasSuffix(err.Error(), ": unknown") {
			t.Errorf("%s: code %d, want %d (%v)", text, got, c.code, err)
		}
	}
	if code, err := startError(notFound("network x not found")); code != 128 || err.Error() != "network x not found" {
		t.Errorf("what is no fault of the program keeps its words: %v", err)
	}
}
