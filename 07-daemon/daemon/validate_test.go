package daemon

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What cannot be honoured is refused with a sentence that names it.
func TestRefusals(t *testing.T) {
	t.Parallel()
	d := &Daemon{config: Config{LogDriver: "json-file"}}
	for changes, words := range map[string]string{
		`{"Env":["=x"]}`:                                                         "invalid environment variable: =x",
		`{"WorkingDir":"w"}`:                                                     "needs to be an absolute path",
		`{"StopSignal":"SIGNOPE"}`:                                               "invalid signal: SIGNOPE",
		`{"HostConfig":{"Memory":1000}}`:                                         "Minimum memory limit allowed is 6MB",
		`{"HostConfig":{"MemorySwap":8000000}}`:                                  "always set the Memory limit when using Memoryswap",
		`{"HostConfig":{"Memory":8000000,"MemorySwap":7000000}}`:                 "should be larger than memory limit",
		`{"HostConfig":{"NanoCpus":1000000000,"CpuQuota":5000}}`:                 "Nano CPUs and CPU Quota cannot both be set",
		`{"HostConfig":{"NanoCpus":999000000000000}}`:                            "range of CPUs is from 0.01 to",
		`{"HostConfig":{"CpusetCpus":"a"}}`:                                      "invalid value a for cpuset cpus",
		`{"HostConfig":{"CpusetCpus":"0-4000"}}`:                                 "Requested CPUs are not available",
		`{"HostConfig":{"OomScoreAdj":2000}}`:                                    "range for oom score adj is [-1000, 1000]",
		`{"HostConfig":{"AutoRemove":true,"RestartPolicy":{"Name":"always"}}}`:   "can't create 'AutoRemove' container with restart policy",
		`{"HostConfig":{"RestartPolicy":{"Name":"often"}}}`:                      "unknown policy 'often'",
		`{"HostConfig":{"LogConfig":{"Type":"syslog"}}}`:                         "no log driver named 'syslog' is registered",
		`{"HostConfig":{"LogConfig":{"Type":"json-file","Config":{"tag":"x"}}}}`: "unknown log opt 'tag'",
		`{"HostConfig":{"SecurityOpt":["apparmor=mine"]}}`:                       `"apparmor=mine" is not supported`,
		`{"HostConfig":{"CapAdd":["FLY"]}}`:                                      "invalid CapAdd",
		`{"HostConfig":{"Sysctls":{"kernel.panic":"1"}}}`:                        "not in a separate kernel namespace",
		`{"HostConfig":{"NetworkMode":"host","Sysctls":{"net.a":"1"}}}`:          "not allowed in host network namespace",
		`{"HostConfig":{"Init":true}}`:                                           "--init",
		`{"HostConfig":{"Links":["a:b"]}}`:                                       "--link",
		`{"HostConfig":{"Runtime":"kata"}}`:                                      "the runtime kata is not supported",
		`{"HostConfig":{"ExtraHosts":["a:b"]}}`:                                  `invalid IP address in add-host: "b"`,
		`{"HostConfig":{"MemorySwappiness":60}}`:                                 "memory swappiness is not supported",
		`{"Hostname":"h","HostConfig":{"NetworkMode":"container:x"}}`:            "hostname and the network mode",
		`{"HostConfig":{"PortBindings":{"80/sctp":[{}]}}}`:                       "protocol sctp is not supported",
		`{"HostConfig":{"Ulimits":[{"Name":"nope"}]}}`:                           "invalid ulimit",
	} {
		r := request(t, changes, "true")
		d.normalize(r.HostConfig)
		err := d.check(r.Config, r.HostConfig)
		if !errdefs.IsInvalidArgument(err) || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want …%s…", changes, err, words)
		}
	}
}

// What the CLI sends in nearly every request, whatever its user typed.
func TestUsualRequestPasses(t *testing.T) {
	t.Parallel()
	d := &Daemon{config: Config{LogDriver: "json-file"}}
	var r container.CreateRequest
	require.NoError(t, json.Unmarshal([]byte(`{"Image":"i","AttachStdout":true,"HostConfig":{"ConsoleSize":[24,80],
		"RestartPolicy":{"Name":"no","MaximumRetryCount":0},"LogConfig":{"Type":"","Config":{}},"NetworkMode":"default",
		"MemorySwappiness":-1,"OomKillDisable":false,"PidsLimit":0,"BlkioDeviceReadBps":[],"Devices":[],"CapAdd":null,
		"MaskedPaths":null,"ReadonlyPaths":null,"Init":null},"NetworkingConfig":{"EndpointsConfig":{"default":{}}}}`), &r))
	d.normalize(r.HostConfig)
	require.NoError(t, d.check(r.Config, r.HostConfig))
	h := r.HostConfig
	if h.NetworkMode != "bridge" || h.ShmSize != 64<<20 || h.MemorySwappiness != nil || len(h.MaskedPaths) == 0 {
		t.Errorf("the defaults are not filled in: %+v", h)
	}
}

func TestStopSignal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]unix.Signal{
		"": unix.SIGTERM, "SIGINT": unix.SIGINT, "int": unix.SIGINT, "9": unix.SIGKILL, "RTMIN": 34, "SIGRTMIN+3": 37, "RTMAX-1": 63,
	} {
		if got, err := stopSignal(text); err != nil || got != want {
			t.Errorf("%q is %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"0", "65", "SIG", "RTMIN+31", "RTMAX+1", "nope"} {
		if got, err := stopSignal(text); err == nil {
			t.Errorf("%q was read as %d", text, got)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{"web": true, "/web": true, "a.b-c_d": true, "x": false, "-x": false, "a b": false, "a/b": false} {
		if err := checkName(name); (err == nil) != ok {
			t.Errorf("name %q: %v", name, err)
		}
	}
	for range 200 {
		if err := checkName(newName(1)); err != nil {
			t.Fatal(err)
		}
	}
	if id := newID(); len(id) != 64 {
		t.Errorf("an id has 64 digits, not %q", id)
	}
}

func TestRestarts(t *testing.T) {
	t.Parallel()
	failed, clean := state{ExitCode: 1}, state{}
	for _, c := range []struct {
		policy string
		after  state
		want   bool
	}{
		{`{"Name":"no"}`, failed, false},
		{`{"Name":"always"}`, clean, true},
		{`{"Name":"always"}`, state{Stopped: true}, false},
		{`{"Name":"unless-stopped"}`, failed, true},
		{`{"Name":"on-failure"}`, clean, false},
		{`{"Name":"on-failure"}`, failed, true},
		{`{"Name":"on-failure","MaximumRetryCount":2}`, state{ExitCode: 1, RestartCount: 1}, true},
		{`{"Name":"on-failure","MaximumRetryCount":2}`, state{ExitCode: 1, RestartCount: 2}, false},
	} {
		var p container.RestartPolicy
		require.NoError(t, json.Unmarshal([]byte(c.policy), &p))
		if got := restarts(p, c.after); got != c.want {
			t.Errorf("%s after code %d, %d restarts, stopped %v: %v", c.policy, c.after.ExitCode, c.after.RestartCount, c.after.Stopped, got)
		}
	}
}

func TestBackoffDoublesAndForgets(t *testing.T) {
	t.Parallel()
	var b backoff
	for range 3 {
		b.next(0)
	}
	if b.pause != 4*firstPause {
		t.Errorf("after three failures the pause is %v", b.pause)
	}
	for range 20 {
		b.next(0)
	}
	if b.pause != lastPause {
		t.Errorf("the pause grew to %v", b.pause)
	}
	if b.next(goodRun); b.pause != firstPause {
		t.Errorf("after a good run the pause is %v", b.pause)
	}
}
