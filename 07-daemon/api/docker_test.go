package api

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/stretchr/testify/require"

	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/sandboxtest"
	"drydock/07-daemon/daemon"
	"drydock/07-daemon/event"
	"drydock/07-daemon/shim"
)

func TestMain(m *testing.M) {
	sandboxtest.Main(m, map[string]func() int{"drydock-shim": shim.Main})
}

// A tree is a directory in the part of images and snapshots.
type tree string

func (t tree) Get(string) (daemon.Image, error)               { return daemon.Image{ID: "sha256:probe"}, nil }
func (t tree) Unpack(context.Context, string) (string, error) { return "", nil }
func (t tree) Prepare(string, string) error                   { return nil }
func (t tree) Upper(string) (string, error)                   { return string(t), nil }
func (t tree) Remove(string) error                            { return nil }
func (t tree) Mount(string) (mount.Mount, error) {
	return mount.Mount{Type: "bind", Source: string(t), Options: []string{"rbind", "rprivate"}}, nil
}

// A harbour is a daemon behind its API on a socket.
type harbour struct {
	t      testing.TB
	d      *daemon.Daemon
	socket string
	server *http.Server
}

func open(t testing.TB) harbour {
	t.Helper()
	sandboxtest.NeedRoot(t)
	binary, err := shim.Seal("/proc/self/exe")
	require.NoError(t, err)
	root := tree(sandboxtest.Root(t))
	d, err := daemon.Open(daemon.Config{Root: t.TempDir(), ExecRoot: t.TempDir(), Shim: binary, Images: root, Snapshots: root, CgroupRoot: "drydock-test-api"})
	require.NoError(t, err)
	mux := http.NewServeMux()
	Register(mux, d)
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "OK") })
	server := &http.Server{Handler: Version("test", mux)}
	h := harbour{t, d, filepath.Join(t.TempDir(), "s"), server}
	listener, err := net.Listen("unix", h.socket)
	require.NoError(t, err)
	go server.Serve(listener)
	t.Cleanup(func() {
		server.Close()
		list, _ := d.List(all)
		for _, c := range list {
			d.Remove(context.Background(), c.ID, daemon.RemoveOptions{Force: true})
		}
		if err := d.Close(context.Background()); err != nil {
			t.Errorf("close the daemon: %v", err)
		}
		binary.Close()
	})
	return h
}

var all = daemon.ListOptions{All: true}

// docker runs the stock command and returns both outputs and the exit code.
func (h harbour) docker(stdin string, args ...string) (string, int) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+h.socket, "DOCKER_CONFIG="+h.t.TempDir())
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		h.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestStockDockerCommand(t *testing.T) {
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skip("needs the docker command")
	}
	h := open(t)
	const run = "run --rm --network none -e PATH=/bin "
	for _, c := range []struct {
		line, stdin string
		code        int
		words       string
	}{
		{run + "probe echo hello", "", 0, "hello\n"},
		{run + "probe exit 7", "", 7, ""},
		{run + "-i probe cat", "from outside", 0, "from outside"},
		{run + "-t probe echo terminal", "", 0, "terminal\r\n"},
		{run + "probe nope", "", 127, `exec: "nope": executable file not found in $PATH: unknown`},
		{run + "probe /etc", "", 126, "is a directory"},
		{run + "-w here probe true", "", 125, "the working directory 'here' is invalid, it needs to be an absolute path"},
		{run + "--name -- probe true", "", 125, "Invalid container name (--)"},
		{run + "-m 64m --cpus 0.5 --pids-limit 20 --read-only --tmpfs /tmp probe echo limits", "", 0, "limits"},
		{"run -d --network none --name long probe sleep 100", "", 0, ""},
		{"run --network none --name long probe true", "", 125, `The container name "/long" is already in use by container`},
		{"exec long echo inside", "", 0, "inside\n"},
		{"exec -i long cat", "piped", 0, "piped"},
		{"exec long exit 9", "", 9, ""},
		{"exec long nope", "", 127, "executable file not found"},
		{"ps --format {{.Names}}:{{.State}}", "", 0, "long:running"},
		{"pause long", "", 0, "long"},
		{"exec long true", "", 1, "is paused, unpause the container before exec"},
		{"unpause long", "", 0, "long"},
		{"top long", "", 0, "sleep 100"},
		{"stats --no-stream long", "", 0, "long"},
		{"logs --tail 1 long", "", 0, "ready\n"},
		{"rm long", "", 1, "container is running: stop the container before removing or force remove"},
		{"stop long", "", 0, "long"},
		{"inspect -f {{.State.Status}}:{{.State.ExitCode}} long", "", 0, "exited:0"},
		{"start -a long", "", 137, ""},
		{"rm long", "", 0, "long"},
		{"inspect long", "", 1, "No such object: long"},
	} {
		if strings.HasPrefix(c.line, "start -a") { // somebody must end it
			go h.d.Events().Follow(context.Background(), event.Query{}, func(m events.Message) error {
				if m.Action != events.ActionStart {
					return nil
				}
				return errors.Join(io.EOF, h.d.Kill("long", ""))
			})
		}
		out, code := h.docker(c.stdin, strings.Fields(c.line)...)
		if code != c.code || !strings.Contains(out, c.words) {
			t.Errorf("docker %s: code %d, want %d; it says\n%s\nwant …%s…", c.line, code, c.code, out, c.words)
		}
	}
}

// dial begins a request, if head is one, and leaves the connection open.
func (h harbour) dial(head string) (*net.UnixConn, *bufio.Reader) {
	h.t.Helper()
	conn, err := net.Dial("unix", h.socket)
	require.NoError(h.t, err)
	if head != "" {
		_, err = fmt.Fprintf(conn, "%s\r\nHost: x\r\n", head)
		require.NoError(h.t, err)
	}
	return conn.(*net.UnixConn), bufio.NewReader(conn)
}

func (h harbour) create(body string) string {
	h.t.Helper()
	conn, r := h.dial(fmt.Sprintf("POST /v1.51/containers/create HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: %d", len(body)))
	defer conn.Close()
	io.WriteString(conn, "\r\n"+body)
	answer, err := http.ReadResponse(r, nil)
	require.NoError(h.t, err)
	text, err := io.ReadAll(answer.Body)
	require.NoError(h.t, err)
	require.Equal(h.t, 201, answer.StatusCode, string(text))
	_, id, _ := strings.Cut(string(text), `"Id":"`)
	return id[:64]
}

// The end of a client's input reaches the program while its output goes on;
// without "Upgrade: tcp" the answer is 200, with it 101.
func TestHalfCloseReachesTheProgram(t *testing.T) {
	h := open(t)
	for upgrade, status := range map[string]string{"": "HTTP/1.1 200 OK", "Connection: Upgrade\r\nUpgrade: tcp\r\n": "HTTP/1.1 101 UPGRADED"} {
		id := h.create(`{"Image":"probe","Cmd":["/bin/cat"],"OpenStdin":true,"StdinOnce":true,"AttachStdin":true,"HostConfig":{"NetworkMode":"none"}}`)
		conn, r := h.dial("POST /v1.51/containers/" + id + "/attach?stream=1&stdin=1&stdout=1 HTTP/1.1")
		io.WriteString(conn, upgrade+"\r\n")
		line, err := r.ReadString('\n')
		require.NoError(t, err)
		if strings.TrimSpace(line) != status {
			t.Errorf("attach answers %q, want %q", line, status)
		}
		for line != "\r\n" {
			line, err = r.ReadString('\n')
			require.NoError(t, err)
		}
		require.NoError(t, h.d.Start(context.Background(), id))
		io.WriteString(conn, "over")
		require.NoError(t, conn.CloseWrite())
		out, err := io.ReadAll(r)
		require.NoError(t, err)
		if want := append([]byte{1, 0, 0, 0, 0, 0, 0, 4}, "over"...); !bytes.Equal(out, want) {
			t.Errorf("the stream is %q, want %q", out, want)
		}
		conn.Close()
	}
}

func TestRoutesThatDoNotExist(t *testing.T) {
	h := open(t)
	for _, path := range []string{"/containers/nobody/json", "/containers/../images", "/exec/nope/json"} {
		conn, r := h.dial("GET " + path + " HTTP/1.1")
		io.WriteString(conn, "\r\n")
		answer, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		if answer.StatusCode != 404 && answer.StatusCode != 307 {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
		conn.Close()
	}
}
