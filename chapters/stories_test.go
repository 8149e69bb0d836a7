package chapters

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"drydock/01-namespaces/sandboxtest"
	"drydock/05-registry/server"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, nil) }

// build compiles the three programs of final with the workspace file at work
// ("": the one of this tree) and returns their directory.
func build(t *testing.T, work string) string {
	t.Helper()
	bin := t.TempDir()
	cmd := exec.Command("go", "build", "-o", bin, "drydock/final/cmd/drydock", "drydock/final/cmd/drydockd", "drydock/final/cmd/drydock-shim")
	cmd.Dir = "../final" // whose go.mod knows all that it needs, also without a workspace
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if work != "" {
		cmd.Env = append(cmd.Env, "GOWORK="+work)
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return bin
}

// TestStories runs each story of final/testdata twice: with our own command
// line and with the stock docker one. In a story `drydock` is the client.
func TestStories(t *testing.T) {
	sandboxtest.NeedRoot(t)
	if _, err := os.Stat("../final/base/image/base.tar"); err != nil {
		t.Fatal("the base image was not built: run make build")
	}
	bin := build(t, "")
	for _, client := range []string{"drydock", "docker"} {
		t.Run(client, func(t *testing.T) {
			path := filepath.Join(bin, client)
			if client == "docker" {
				var err error
				if path, err = exec.LookPath("docker"); err != nil {
					t.Skip("the stock docker command line is not installed")
				}
			}
			tell(t, bin, path)
		})
	}
}

// tell runs the stories with one client.
func tell(t *testing.T, bin, client string) {
	testscript.Run(t, testscript.Params{
		Dir:                 "final/testdata",
		RequireExplicitExec: true,
		Deadline:            time.Now().Add(3 * time.Minute), // a story that hangs fails
		Setup: func(env *testscript.Env) error {
			s := newStage(bin, client, env.WorkDir)
			env.Values["stage"] = s
			env.Defer(s.clear)
			env.Setenv("DOCKER_HOST", s.host())
			env.Setenv("DOCKER_CONFIG", filepath.Join(env.WorkDir, "config"))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("DOCKER_BUILDKIT", "0")
			env.Setenv("PORT", strconv.Itoa(20000+10*s.number))
			env.Setenv("N", strconv.Itoa(s.number))
			env.Setenv("PATH", os.Getenv("PATH"))
			return s.open()
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"drydock": runClient, "status": wantStatus, "killd": killDaemon, "stopd": stopDaemon, "startd": startDaemon,
			"registry": openRegistry, "answers": wantAnswer, "until": until, "clean": wantClean, "converse": converse, "api": callAPI, "refused": refuseDaemon,
		},
	})
}

// stages counts the stories, so that each has a bridge and ports of its own.
var stages atomic.Int32

// A stage is where one story happens: an engine of its own.
type stage struct {
	bin, client, dir string
	number           int
	daemon           *exec.Cmd
}

func newStage(bin, client, dir string) *stage {
	return &stage{bin: bin, client: client, dir: dir, number: int(stages.Add(1))}
}

func (s *stage) host() string { return "unix://" + filepath.Join(s.dir, "d.sock") }

// engine is a path below the directory of the engine's own.
func (s *stage) engine(name string) string { return filepath.Join(s.dir, ".engine", name) }

func (s *stage) bridge() string { return fmt.Sprintf("dry%d", s.number) }

// group is above all containers of the stage. Groups belong to the whole
// machine, so the name says whose they are.
func (s *stage) group() string { return filepath.Base(filepath.Dir(s.bin)) + "-" + s.bridge() }

// open starts the engine, with more flags perhaps, and waits until it answers.
func (s *stage) open(more ...string) error {
	if err := os.MkdirAll(s.engine(""), 0o755); err != nil {
		return err
	}
	log, err := os.OpenFile(s.engine("log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	flags := []string{"-H", s.host(), "--data-root", s.engine("data"), "--exec-root", s.engine("run"),
		"--bridge", s.bridge(), "--bip", fmt.Sprintf("10.77.%d.1/24", s.number), "--cgroup-parent", s.group()}
	s.daemon = exec.Command(filepath.Join(s.bin, "drydockd"), append(flags, more...)...)
	s.daemon.Stdout, s.daemon.Stderr = log, log
	if err := s.daemon.Start(); err != nil {
		return err
	}
	for range 200 {
		if exec.Command(filepath.Join(s.bin, "drydock"), "-H", s.host(), "version").Run() == nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	text, _ := os.ReadFile(s.engine("log"))
	return fmt.Errorf("the engine does not answer: %s", text)
}

// end stops the daemon with a signal and waits for it.
func (s *stage) end(sig syscall.Signal) {
	if s.daemon != nil {
		s.daemon.Process.Signal(sig)
		s.daemon.Wait()
		s.daemon = nil
	}
}

// clear removes what the story left running, and the engine.
func (s *stage) clear() {
	if s.daemon == nil && s.open() != nil {
		return
	}
	cli := filepath.Join(s.bin, "drydock")
	if ids, err := exec.Command(cli, "-H", s.host(), "ps", "-aq").Output(); err == nil && len(ids) > 0 {
		exec.Command(cli, append([]string{"-H", s.host(), "rm", "-f", "-v"}, strings.Fields(string(ids))...)...).Run()
	}
	s.end(syscall.SIGTERM)
}

func stageOf(ts *testscript.TestScript) *stage { return ts.Value("stage").(*stage) }

// runClient is `drydock ARG...`.
func runClient(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(stageOf(ts).client, args...)
	if (err == nil) == neg {
		ts.Fatalf("drydock %s: %v", strings.Join(args, " "), err)
	}
}

// wantStatus is `status N ARG...`: the client must exit with status N.
func wantStatus(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(stageOf(ts).client, args[1:]...)
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	}
	if strconv.Itoa(got) != args[0] {
		ts.Fatalf("drydock %s: exit status %d, want %s", strings.Join(args[1:], " "), got, args[0])
	}
}

// killDaemon is `killd`: SIGKILL, as a crash would.
func killDaemon(ts *testscript.TestScript, neg bool, args []string) {
	stageOf(ts).end(syscall.SIGKILL)
}

// stopDaemon is `stopd`: SIGTERM, as an administrator would.
func stopDaemon(ts *testscript.TestScript, neg bool, args []string) {
	stageOf(ts).end(syscall.SIGTERM)
}

// startDaemon is `startd FLAG...`.
func startDaemon(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(stageOf(ts).open(args...))
}

// refuseDaemon is `refused FLAG...`: a second daemon that must not start.
func refuseDaemon(ts *testscript.TestScript, neg bool, args []string) {
	if ts.Exec(filepath.Join(stageOf(ts).bin, "drydockd"), args...) == nil {
		ts.Fatalf("drydockd %s: it ran", strings.Join(args, " "))
	}
}

// openRegistry is `registry`: a registry on loopback, its address in
// $REGISTRY.
func openRegistry(ts *testscript.TestScript, neg bool, args []string) {
	handler, err := server.Open(server.Config{Dir: ts.MkAbs(".registry")})
	ts.Check(err)
	service := &http.Server{Handler: handler}
	listener, err := listen()
	ts.Check(err)
	go service.Serve(listener)
	ts.Defer(func() { service.Close() })
	ts.Setenv("REGISTRY", listener.Addr().String())
}

// patience is how long a story waits for what must come true.
const patience = 20 * time.Second

// wantAnswer is `answers URL TEXT`: an HTTP request is answered with TEXT;
// with ! nobody answers.
func wantAnswer(ts *testscript.TestScript, neg bool, args []string) {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	deadline := time.Now().Add(patience)
	for {
		body, err := get(&client, args[0])
		if neg && err != nil || !neg && err == nil && strings.Contains(body, args[1]) {
			return
		}
		if neg || time.Now().After(deadline) {
			ts.Fatalf("%s: %q, %v", args[0], body, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// until is `until TEXT ARG...`: the client prints TEXT some time.
func until(ts *testscript.TestScript, neg bool, args []string) {
	s := stageOf(ts)
	var out []byte
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		cmd := exec.Command(s.client, args[1:]...)
		cmd.Env = append(os.Environ(), "DOCKER_HOST="+s.host())
		out, _ = cmd.CombinedOutput()
		if strings.Contains(string(out), args[0]) {
			return
		}
	}
	ts.Fatalf("drydock %s never said %q, last %q", strings.Join(args[1:], " "), args[0], out)
}
