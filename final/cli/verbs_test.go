package cli

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/require"

	"drydock/07-daemon/stdio"
)

func TestEveryVerbExplainsItself(t *testing.T) {
	f := newFake(t, nil)
	help := f.run("--help").out
	for _, v := range verbs {
		if !strings.Contains(help, "\n  "+v.name+" ") {
			t.Errorf("the help does not name %s", v.name)
		}
		got := f.run(v.name, "--help")
		if got.code != 0 || !strings.HasPrefix(got.out, "\nUsage:  drydock "+v.name) {
			t.Errorf("%s --help ended with %d and said %q", v.name, got.code, got.out)
		}
	}
	for _, g := range groups {
		for _, v := range g.verbs {
			if got := f.run(g.name, v.name, "--help"); !strings.HasPrefix(got.out, "\nUsage:  drydock "+g.name+" "+v.name) {
				t.Errorf("%s %s --help said %q", g.name, v.name, got.out)
			}
		}
	}
}

func TestWhatIsNoCommand(t *testing.T) {
	f := newFake(t, nil)
	for line, want := range map[string]result{
		"bogus":       {1, "", "drydock: unknown command: drydock bogus\n\nRun 'drydock --help' for more information\n"},
		"image bogus": {1, "", "drydock: unknown command: drydock image bogus\n\nRun 'drydock image --help' for more information\n"},
		"rm":          {1, "", "drydock: 'drydock rm' requires at least 1 argument\n\nUsage:  drydock rm [OPTIONS] CONTAINER [CONTAINER...]\n\nSee 'drydock rm --help' for more information\n"},
		"ps x":        {1, "", "drydock: 'drydock ps' accepts no arguments\n\nUsage:  drydock ps [OPTIONS]\n\nRun 'drydock ps --help' for more information\n"},
		"tag x":       {1, "", "drydock: 'drydock tag' requires 2 arguments\n\nUsage:  drydock tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]\n\nRun 'drydock tag --help' for more information\n"},
		"ps -f x":     {125, "", "invalid argument \"x\" for \"-f, --filter\" flag: bad format of filter (expected name=value)\n\nUsage:  drydock ps [OPTIONS]\n\nRun 'drydock ps --help' for more information\n"},
	} {
		if got := f.run(strings.Fields(line)...); got != want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", line, got, want)
		}
	}
}

func TestNobodyAnswers(t *testing.T) {
	in, out, errOut := tempFile(t), tempFile(t), tempFile(t)
	code := Main([]string{"-H", "unix:///nowhere", "ps"}, in, out, errOut)
	want := "Cannot connect to the Drydock daemon at unix:///nowhere. Is the drydockd daemon running?\n"
	if got := content(t, errOut); code != 1 || got != want {
		t.Errorf("ended with %d and %q, want 1 and %q", code, got, want)
	}
}

func TestSeveralContainersSomeOfThemMissing(t *testing.T) {
	routes := map[string]http.HandlerFunc{}
	for _, verb := range []string{"start", "stop", "kill", "pause", "restart"} {
		routes["POST /containers/there/"+verb] = say(http.StatusNoContent, nil)
		routes["POST /containers/nope/"+verb] = refuse(http.StatusNotFound, "No such container: nope")
	}
	routes["DELETE /containers/there"] = say(http.StatusNoContent, nil)
	routes["DELETE /containers/nope"] = refuse(http.StatusNotFound, "No such container: nope")
	f := newFake(t, routes)
	const missing = "Error response from daemon: No such container: nope\n"
	for line, want := range map[string]result{
		"stop nope there":    {1, "there\n", missing},
		"kill nope there":    {1, "there\n", missing},
		"pause nope there":   {1, "there\n", missing},
		"restart nope there": {1, "there\n", missing},
		"rm nope there":      {1, "there\n", missing},
		"rm -f nope there":   {0, "there\n", missing},
		"start nope there":   {1, "there\n", missing + "Error: failed to start containers: nope\n"},
	} {
		if got := f.run(strings.Fields(line)...); got != want {
			t.Errorf("%s: got %+v, want %+v", line, got, want)
		}
	}
}

func TestInspectLooksForEveryKind(t *testing.T) {
	f := newFake(t, map[string]http.HandlerFunc{
		"GET /containers/c/json": say(http.StatusOK, map[string]any{"Id": "c", "Size": 12345678901}),
		"GET /images/i/json":     say(http.StatusOK, map[string]string{"Id": "i"}),
		"GET /networks/n":        say(http.StatusOK, map[string]string{"Id": "n"}),
		"GET /volumes/v":         say(http.StatusOK, map[string]string{"Id": "v"}),
	})
	for line, want := range map[string]result{
		"-f {{.Id}} c i n v":   {0, "c\ni\nn\nv\n", ""},
		"-f {{.Size}} c":       {0, "12345678901\n", ""},
		"--type volume v":      {0, "[\n    {\n        \"Id\": \"v\"\n    }\n]\n", ""},
		"-f json i":            {0, "[{\"Id\":\"i\"}]\n", ""},
		"-f {{.Id}} i nope":    {1, "i\n", "Error: No such object: nope\n"},
		"--type bogus i":       {1, "", "unknown type: \"bogus\": must be one of \"container\", \"image\", \"network\", \"volume\"\n"},
		"-f {{.Id i":           {64, "", "template parsing error: template: :1: unclosed action\n"},
		"--type container nil": {1, "[]\n", "Error response from daemon: nothing at GET /containers/nil/json\n"},
	} {
		if got := f.run(append([]string{"inspect"}, strings.Fields(line)...)...); got != want {
			t.Errorf("inspect %s: got %+v, want %+v", line, got, want)
		}
	}
}

func TestLogsAreToldApart(t *testing.T) {
	var query string
	f := newFake(t, map[string]http.HandlerFunc{
		"GET /containers/c/json": say(http.StatusOK, map[string]any{"Id": "c", "Config": map[string]bool{"Tty": false}}),
		"GET /containers/c/logs": func(w http.ResponseWriter, r *http.Request) {
			query = r.URL.Query().Encode()
			(&stdio.FrameWriter{To: w, Stream: stdio.Stdout}).Write([]byte("out\n"))
			(&stdio.FrameWriter{To: w, Stream: stdio.Stderr}).Write([]byte("err\n"))
		},
	})
	got := f.run("logs", "-ft", "-n", "5", "--since", "7", "c")
	if want := (result{0, "out\n", "err\n"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if want := "follow=1&since=7&stderr=1&stdout=1&tail=5&timestamps=1"; query != want {
		t.Errorf("asked for %s, want %s", query, want)
	}
}

func TestExecEndsAsItsCommand(t *testing.T) {
	f := newFake(t, map[string]http.HandlerFunc{
		"POST /containers/c/exec": say(http.StatusCreated, map[string]string{"Id": "e"}),
		"POST /exec/e/start": hijack(true, func(conn net.Conn) {
			(&stdio.FrameWriter{To: conn, Stream: stdio.Stdout}).Write([]byte("hi\n"))
		}),
		"GET /exec/e/json": say(http.StatusOK, map[string]any{"ExitCode": 4, "Running": false}),
	})
	if got, want := f.run("exec", "-e", "A=1", "-w", "/w", "c", "sh", "-c", "x"), (result{4, "hi\n", ""}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	sent := pretty(t, f.body("POST /containers/c/exec"))
	for _, want := range []string{`"A=1"`, `"WorkingDir": "/w"`, `"AttachStdout": true`, `"-c"`} {
		if !strings.Contains(sent, want) {
			t.Errorf("%s is missing in %s", want, sent)
		}
	}
}

func TestPorts(t *testing.T) {
	f := newFake(t, map[string]http.HandlerFunc{
		"GET /containers/c/json": say(http.StatusOK, map[string]any{"Id": "c", "NetworkSettings": map[string]any{"Ports": map[string]any{
			"80/tcp": []map[string]string{{"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"}}, "53/udp": nil,
		}}}),
	})
	for line, want := range map[string]result{
		"c":        {0, "80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n", ""},
		"c 80":     {0, "0.0.0.0:8080\n[::]:8080\n", ""},
		"c 53/udp": {1, "", "Error: No public port '53/udp' published for c\n"},
	} {
		if got := f.run(append([]string{"port"}, strings.Fields(line)...)...); got != want {
			t.Errorf("port %s: got %+v, want %+v", line, got, want)
		}
	}
}

func TestStatsAreShares(t *testing.T) {
	s := container.StatsResponse{ID: strings.Repeat("a1", 32), Name: "/n"}
	s.PreCPUStats.SystemUsage, s.CPUStats.SystemUsage = 1e9, 3e9
	s.PreCPUStats.CPUUsage.TotalUsage, s.CPUStats.CPUUsage.TotalUsage, s.CPUStats.OnlineCPUs = 0, 1e9, 2
	s.MemoryStats = container.MemoryStats{Usage: 30 << 20, Limit: 100 << 20, Stats: map[string]uint64{"inactive_file": 10 << 20}}
	s.Networks = map[string]container.NetworkStats{"eth0": {RxBytes: 1000, TxBytes: 2000}}
	want := statsRow{BlockIO: "0B / 0B", CPUPerc: "100.00%", Container: "c", ID: "a1a1a1a1a1a1", MemPerc: "20.00%",
		MemUsage: "20MiB / 100MiB", Name: "n", NetIO: "1kB / 2kB"}
	if got := statsOf("c", s, false); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestNetworkIsAskedFor(t *testing.T) {
	f := newFake(t, map[string]http.HandlerFunc{"POST /networks/create": say(http.StatusCreated, map[string]string{"Id": "n1"})})
	got := f.run("network", "create", "--subnet", "10.9.0.0/24", "--gateway", "10.9.0.7", "--internal", "--label", "a=b", "n")
	if want := (result{0, "n1\n", ""}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	sent, err := json.Marshal(f.body("POST /networks/create"))
	require.NoError(t, err)
	want := `{"Driver":"bridge","IPAM":{"Config":[{"Gateway":"10.9.0.7","Subnet":"10.9.0.0/24"}],"Driver":"default"},"Internal":true,"Labels":{"a":"b"},"Name":"n"}`
	if string(sent) != want {
		t.Errorf("sent %s, want %s", sent, want)
	}
}

func TestLoginKeepsWhatTheRegistryAccepted(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	f := newFake(t, map[string]http.HandlerFunc{"POST /auth": say(http.StatusOK, map[string]string{"Status": "Login Succeeded"})})
	got := f.run("login", "-u", "me", "-p", "secret", "h:5000")
	if got.code != 0 || got.out != "Login Succeeded\n" {
		t.Fatalf("got %+v", got)
	}
	header, err := authorization("h:5000/img")
	if err != nil || header == "" {
		t.Errorf("a pull from that registry would be anonymous (%v)", err)
	}
	info, err := os.Stat(filepath.Join(dir, "config.json"))
	require.NoError(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file with the password has mode %v", info.Mode())
	}
	require.Zero(t, f.run("logout", "h:5000").code)
	if header, _ := authorization("h:5000/img"); header != "" {
		t.Error("logged out, and still known")
	}
}

func TestEventsAreLines(t *testing.T) {
	f := newFake(t, map[string]http.HandlerFunc{
		"GET /events": say(http.StatusOK, map[string]any{"Type": "container", "Action": "die", "timeNano": int64(1700000000123456789),
			"Actor": map[string]any{"ID": "c", "Attributes": map[string]string{"name": "n", "exitCode": "3"}}}),
	})
	at := time.Unix(0, 1700000000123456789).Format("2006-01-02T15:04:05.000000000Z07:00")
	if got, want := f.run("events"), (result{0, at + " container die c (exitCode=3, name=n)\n", ""}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := f.run("events", "--format", "{{.Type}} {{.Action}}"); got.out != "container die\n" {
		t.Errorf("got %+v", got)
	}
}

func TestSaveLeavesNoHalves(t *testing.T) {
	f := newFake(t, map[string]http.HandlerFunc{
		"GET /images/get": func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte("half"))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		},
	})
	dir := t.TempDir()
	got := f.run("save", "-o", filepath.Join(dir, "x.tar"), "img")
	if left, _ := os.ReadDir(dir); got.code != 1 || len(left) != 0 {
		t.Errorf("a broken download ended with %d and left %v", got.code, left)
	}
}
