package chapters

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/01-namespaces/sandboxtest"
	"drydock/05-registry/server"
)

// The daemon is killed at moments that nobody chose, while several clients
// keep it busy. Whatever it was doing: what ran goes on, what it was told to
// do is done wholly or not at all, and nothing of it can never be cleaned up.

// A crash is an engine under fire and what its clients know of it.
type crash struct {
	*testing.T
	*stage
	registry string

	mu    sync.Mutex            // guards what follows
	known map[string]*knowledge // by name of the container
	seen  map[string]int        // how often a state was found
}

// knowledge is what a client knows of one container: the last step that the
// daemon said it had done, and one that it was asked for and did not answer.
type knowledge struct {
	brief         bool // its program ends with 42 by itself
	done, pending string
}

// after lists the states in which a container may be found, by the last step
// that was done and the one that nobody answered. "" is: there is none.
var after = map[[2]string][]string{
	{"", "create"}:       {"", "created"},
	{"create", ""}:       {"created"},
	{"create", "start"}:  {"created", "running"},
	{"start", ""}:        {"running"},
	{"start", "exec"}:    {"running"},
	{"start", "stop"}:    {"running", "exited"},
	{"stop", ""}:         {"exited"},
	{"stop", "rm"}:       {"exited", ""},
	{"start", "rm"}:      {"running", "exited", ""},
	{"rm", ""}:           {""},
	{"", "run"}:          {"", "created", "running"},
	{"start", "restart"}: {"running", "exited"},
}

// lives are the stories of containers, one of which a client plays at a time.
var lives = [][]string{
	{"create", "start", "exec", "stop", "rm"},
	{"create", "start", "rm"},
	{"run", "exec", "exec", "rm"},
	{"run", "restart", "stop", "rm"},
	{"run", "exec"},
	{"create"},
}

const (
	crashes = 20
	clients = 4
	steady  = 3
)

func TestDaemonKilledAtAnyMoment(t *testing.T) {
	sandboxtest.NeedRoot(t)
	bin := build(t, "")
	c := &crash{T: t, stage: newStage(bin, filepath.Join(bin, "drydock"), t.TempDir()), known: map[string]*knowledge{}, seen: map[string]int{}}
	require.NoError(t, c.open())
	t.Cleanup(c.clear)
	c.openRegistry()
	links, trees := c.links(), c.trees()

	pids := c.startSteady()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	said := make([]int, steady)
	for round := range crashes {
		c.disturb(round, random)
		c.law(round)
		for i, pid := range pids {
			said[i] = c.checkSteady(i, pid, said[i])
		}
		if t.Failed() {
			t.Fatalf("round %d\n%s", round, c.logTail())
		}
	}
	c.tidyUp(links, trees)
	t.Logf("found after crashes: %v", c.seen)
}

// startSteady runs the containers that must never notice anything.
func (c *crash) startSteady() (pids []string) {
	for i := range steady {
		c.must("run", "-d", "--name", fmt.Sprintf("steady%d", i), "-p", "127.0.0.1::80", "-v", "log:/log", "drydock/base",
			"sh", "-c", "i=0; while true; do i=$((i+1)); echo $i; sleep 0.01; done")
		pids = append(pids, c.must("inspect", "-f", "{{.State.Pid}}", fmt.Sprintf("steady%d", i)))
	}
	return pids
}

// checkSteady sees that a container is the one of the beginning, that it went
// on, and that every line it ever said is in its log. It returns how many.
func (c *crash) checkSteady(i int, pid string, before int) int {
	name := fmt.Sprintf("steady%d", i)
	if got := c.must("inspect", "-f", "{{.State.Status}} {{.State.Pid}}", name); got != "running "+pid {
		c.Errorf("%s: %s, want running %s", name, got, pid)
	}
	lines := strings.Fields(c.must("logs", name))
	for n, line := range lines {
		if line != strconv.Itoa(n+1) {
			c.Errorf("%s: line %d of the log is %q", name, n+1, line)
			break
		}
	}
	if len(lines) <= before {
		c.Errorf("%s: %d lines, %d a crash ago", name, len(lines), before)
	}
	return len(lines)
}

// disturb lets the clients loose, kills the daemon among them, and starts
// another.
func (c *crash) disturb(round int, random *rand.Rand) {
	c.known = map[string]*knowledge{}
	end := time.Duration(5+random.IntN(120)) * time.Millisecond
	var wg sync.WaitGroup
	for client := range clients {
		luck := rand.New(rand.NewPCG(random.Uint64(), 1))
		wg.Go(func() {
			for n := 0; c.play(fmt.Sprintf("c%d-%d-%d", round, client, n), luck); n++ {
			}
		})
	}
	wg.Go(func() {
		for c.try("pull", "-q", c.registry+"/base") == nil && c.try("rmi", c.registry+"/base") == nil {
		}
	})
	time.Sleep(end) // the moment is what is random here; nothing waits for it
	c.end(syscall.SIGKILL)
	wg.Wait()
	require.NoError(c, c.open(), "the next daemon")
}

// play plays one life until a step is not answered.
func (c *crash) play(name string, luck *rand.Rand) bool {
	life := lives[luck.IntN(len(lives))]
	k := &knowledge{brief: luck.IntN(3) == 0 && !slices.Contains(life, "restart")}
	c.mu.Lock()
	c.known[name] = k
	c.mu.Unlock()
	program := "echo begun; exec sleep 1000"
	if k.brief {
		program = "sleep 0.03; echo said; exit 42"
	}
	network := []string{"none", "bridge"}[luck.IntN(2)]
	made := []string{"--name", name, "--network", network, "drydock/base", "sh", "-c", program}
	for _, step := range life {
		args := map[string][]string{
			"create": append([]string{"create"}, made...), "run": append([]string{"run", "-d"}, made...),
			"start": {"start", name}, "exec": {"exec", name, "true"}, "stop": {"stop", "-t", "0", name},
			"restart": {"restart", "-t", "0", name}, "rm": {"rm", "-f", name},
		}[step]
		k.pending = step
		if c.try(args...) != nil && !(k.brief && step == "exec") {
			return false
		}
		k.done, k.pending = map[string]string{"run": "start", "exec": "start", "restart": "start"}[step], ""
		if k.done == "" {
			k.done = step
		}
	}
	return true
}

// law checks every container that the clients know of, and removes it.
func (c *crash) law(round int) {
	for name, k := range c.known {
		got, code := c.state(name)
		c.seen[fmt.Sprintf("%s,%s:%s", k.done, k.pending, got)]++
		allowed, ok := after[[2]string{k.done, k.pending}]
		if !ok {
			c.Errorf("round %d: %s: nobody foresaw %q then %q", round, name, k.done, k.pending)
		}
		ran := slices.Contains(allowed, "running")
		if !slices.Contains(allowed, got) && !(k.brief && ran && got == "exited") {
			c.Errorf("round %d: %s: %s after %q then %q", round, name, got, k.done, k.pending)
		}
		asked := k.done == "stop" || slices.Contains([]string{"stop", "rm", "restart"}, k.pending)
		if k.brief && got == "exited" && !asked {
			if said := c.must("logs", name); code != "42" || said != "said" {
				c.Errorf("round %d: %s ended with %s and said %q", round, name, code, said)
			}
		}
		if got != "" {
			c.must("rm", "-f", name)
		}
	}
}

// state is the state of a container, "" if there is none, and its exit code.
func (c *crash) state(name string) (state, code string) {
	out := c.must("ps", "-a", "--no-trunc", "--filter", "name=^/?"+name+"$", "-q")
	if out == "" {
		return "", ""
	}
	state, code, _ = strings.Cut(c.must("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name), " ")
	return state, code
}

// tidyUp removes everything and looks for what is left.
func (c *crash) tidyUp(links []string, trees int) {
	if err := c.try("volume", "rm", "log"); err == nil {
		c.Error("a volume went while a container used it")
	}
	c.must("rm", "-f", "steady0", "steady1", "steady2")
	c.must("volume", "rm", "log")
	if got := c.must("ps", "-aq"); got != "" {
		c.Errorf("containers that nobody asked for: %s", got)
	}
	c.end(syscall.SIGTERM)
	left, err := c.left()
	require.NoError(c, err)
	for _, l := range c.links() {
		if !slices.Contains(links, l) {
			left = append(left, "link: "+l)
		}
	}
	if now := c.trees(); now != trees {
		left = append(left, fmt.Sprintf("trees: %d, not %d", now, trees))
	}
	if rules, err := exec.Command("nft", "list", "ruleset").Output(); err == nil && strings.Contains(string(rules), c.bridge()) {
		left = append(left, "rules: "+string(rules))
	}
	if len(left) > 0 {
		c.Errorf("left behind:\n%s", strings.Join(left, "\n"))
	}
}

// must runs the client, which must succeed, and returns what it printed.
func (c *crash) must(args ...string) string {
	c.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := c.command(ctx, args...).CombinedOutput()
	require.NoError(c, err, "drydock %s: %s\n%s", strings.Join(args, " "), out, c.logTail())
	return strings.TrimSpace(string(out))
}

// try runs the client, which may fail, but never hang.
func (c *crash) try(args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := c.command(ctx, args...).Run()
	if ctx.Err() != nil {
		c.Errorf("drydock %s hangs", strings.Join(args, " "))
	}
	return err
}

func (c *crash) command(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, c.client, append([]string{"-H", c.host()}, args...)...)
}

// openRegistry serves an image on loopback for the clients to pull.
func (c *crash) openRegistry() {
	handler, err := server.Open(server.Config{Dir: c.TempDir()})
	require.NoError(c, err)
	service := httptest.NewServer(handler)
	c.Cleanup(service.Close)
	c.registry = service.Listener.Addr().String()
	c.must("tag", "drydock/base", c.registry+"/base")
	c.must("push", c.registry+"/base")
	c.must("rmi", c.registry+"/base")
}

func (c *crash) links() (names []string) {
	all, err := net.Interfaces()
	require.NoError(c, err)
	for _, l := range all {
		if l.Name != c.bridge() {
			names = append(names, l.Name)
		}
	}
	return names
}

// trees counts the snapshots: those of the image alone when all is well.
func (c *crash) trees() int {
	found, err := filepath.Glob(filepath.Join(c.engine("data"), "snapshots", "[0-9]*"))
	require.NoError(c, err)
	return len(found)
}

// logTail is the end of what the daemons said, for a failure.
func (c *crash) logTail() string {
	out, _ := exec.Command("tail", "-n", "30", c.engine("log")).Output()
	return string(out)
}
