package registry

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"

	"drydock/01-namespaces/sandboxtest"
	"drydock/05-registry/server"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, nil) }

// serve runs a handler on loopback and returns its host:port.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	ts := httptest.NewServer(h)
	t.Cleanup(ts.Close)
	return strings.TrimPrefix(ts.URL, "http://")
}

func ours(t *testing.T, c server.Config) http.Handler {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	s, err := server.Open(c)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func oracle() http.Handler { return registry.New(registry.Logger(quiet())) }

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// debian starts Debian's docker-registry and waits until it answers.
func debian(t *testing.T) string {
	t.Helper()
	binary, err := exec.LookPath("docker-registry")
	if err != nil {
		t.Skip("docker-registry is not installed")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free
	require.NoError(t, err)
	host := l.Addr().String()
	l.Close()
	dir := t.TempDir()
	config := "version: 0.1\nstorage: {filesystem: {rootdirectory: " + dir + "}}\nhttp: {addr: " + host + "}\n"
	file := filepath.Join(dir, "config.yml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	cmd := exec.Command(binary, "serve", file)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	for deadline := time.Now().Add(20 * time.Second); ; {
		conn, err := net.Dial("tcp", host)
		if err == nil {
			conn.Close()
			return host
		}
		require.True(t, time.Now().Before(deadline), "docker-registry does not listen on %s: %v", host, err)
		time.Sleep(20 * time.Millisecond)
	}
}

func parse(t *testing.T, s string) Reference {
	t.Helper()
	ref, err := ParseReference(s)
	require.NoError(t, err)
	return ref
}

func image3(t *testing.T) v1.Image {
	t.Helper()
	img, err := random.Image(1<<20, 3)
	require.NoError(t, err)
	return img
}

// seed lets a foreign client put an image there.
func seed(t *testing.T, where string, img v1.Image) Reference {
	t.Helper()
	ref, err := name.ParseReference(where)
	require.NoError(t, err)
	require.NoError(t, remote.Write(ref, img))
	return parse(t, where)
}

func writeIndex(where string, index v1.ImageIndex) error {
	ref, err := name.ParseReference(where)
	if err != nil {
		return err
	}
	return remote.WriteIndex(ref, index)
}

// hasty is a client that does not wait but remembers how long it should have.
func hasty(pauses *[]time.Duration) *Client {
	var mu sync.Mutex
	return &Client{Wait: func(ctx context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		if pauses != nil {
			*pauses = append(*pauses, d)
		}
		return ctx.Err()
	}}
}

func same(t *testing.T, got, want v1.Image) {
	t.Helper()
	if err := validate.Image(got); err != nil {
		t.Errorf("the image is not valid: %v", err)
	}
	have, err := got.Digest()
	require.NoError(t, err)
	digest, err := want.Digest()
	require.NoError(t, err)
	if have != digest {
		t.Errorf("the image is %s, want %s", have, digest)
	}
}

// The same journey through three registries: we push, a foreign client and we
// pull, and it is the same image to the byte.
func TestPushAndPull(t *testing.T) {
	hosts := map[string]func(t *testing.T) string{
		"ours":   func(t *testing.T) string { return serve(t, ours(t, server.Config{})) },
		"ggcr":   func(t *testing.T) string { return serve(t, oracle()) },
		"debian": debian,
	}
	for kind, host := range hosts {
		for manner, chunk := range map[string]int64{"whole": 0, "chunks": 300_000} {
			t.Run(kind+" "+manner, func(t *testing.T) {
				where := host(t) + "/some/where:v1"
				img := image3(t)
				c := Client{Chunk: chunk}
				d, err := c.Push(t.Context(), parse(t, where), img, Credentials{}, nil)
				require.NoError(t, err)
				want, err := img.Digest()
				require.NoError(t, err)
				if d.Digest != want || d.Size == 0 || d.MediaType == "" {
					t.Errorf("the push answers %+v", d)
				}
				got, err := c.Pull(t.Context(), parse(t, where), v1.Platform{}, Credentials{})
				require.NoError(t, err)
				same(t, got, img)
				ref, err := name.ParseReference(where)
				require.NoError(t, err)
				foreign, err := remote.Image(ref)
				require.NoError(t, err)
				same(t, foreign, img)
			})
		}
	}
}

func TestPullByDigestAndThroughAnIndex(t *testing.T) {
	host := serve(t, ours(t, server.Config{}))
	index, err := random.Index(1024, 1, 1)
	require.NoError(t, err)
	img := image3(t)
	index = withPlatform(index, img)
	require.NoError(t, writeIndex(host+"/multi:1", index))
	c := new(Client)
	for _, where := range []string{host + "/multi:1", host + "/multi@" + digestOf(t, index), host + "/multi:ignored@" + digestOf(t, index)} {
		got, err := c.Pull(t.Context(), parse(t, where), v1.Platform{OS: "linux", Architecture: "riscv64"}, Credentials{})
		require.NoError(t, err)
		same(t, got, img)
	}
	_, err = c.Pull(t.Context(), parse(t, host+"/multi:1"), v1.Platform{OS: "plan9", Architecture: "mips"}, Credentials{})
	if err == nil || err.Error() != "no matching manifest for plan9/mips in the manifest list entries" {
		t.Errorf("got %v", err)
	}
}

func TestPushTellsItsProgress(t *testing.T) {
	host := serve(t, ours(t, server.Config{}))
	img := image3(t)
	seen := func(c *Client, where string) map[string][]string {
		lines := map[string][]string{}
		_, err := c.Push(t.Context(), parse(t, where), img, Credentials{}, func(id, status string, current, total int64) {
			if len(id) != 12 || current > total {
				t.Errorf("%s %s %d/%d", id, status, current, total)
			}
			if last := lines[id]; len(last) == 0 || last[len(last)-1] != status {
				lines[id] = append(lines[id], status)
			}
		})
		require.NoError(t, err)
		return lines
	}
	first := seen(&Client{Uploads: 1}, host+"/one:1")
	again := seen(&Client{}, host+"/one:2")
	lent := seen(&Client{Sources: func(string, v1.Hash) []string { return []string{"nobody", "one"} }}, host+"/two:1")
	if len(first) != 3 {
		t.Fatalf("three layers are told as %v", first)
	}
	waited := 0
	for id := range first {
		got := strings.Replace(strings.Join(first[id], ", "), "Waiting, ", "", 1)
		waited += len(first[id]) - 3
		if got != "Preparing, Pushing, Pushed" {
			t.Errorf("first push: %v", first[id])
		}
		if got := strings.Join(again[id], ", "); got != "Preparing, Layer already exists" {
			t.Errorf("second push: %s", got)
		}
		if got := strings.Join(lent[id], ", "); got != "Preparing, Mounted from one" {
			t.Errorf("push to a neighbour: %s", got)
		}
	}
	if waited != 2 {
		t.Errorf("one at a time, %d of three layers waited, want 2", waited)
	}
	if _, err := new(Client).Push(t.Context(), parse(t, host+"/x@"+digestOf(t, img)), img, Credentials{}, nil); err == nil || err.Error() != "cannot push a digest reference" {
		t.Errorf("got %v", err)
	}
}

func TestLogin(t *testing.T) {
	host := serve(t, ours(t, server.Config{Login: func(u, p string) bool { return u == "ann" && p == "pw" }}))
	c := new(Client)
	ann := Credentials{Username: "ann", Password: "pw"}
	for _, name := range []string{host, "http://" + host, "https://" + host + "/v2/"} {
		if _, status, err := c.Login(t.Context(), name, ann); err != nil || status != "Login Succeeded" {
			t.Errorf("%s: %q, %v", name, status, err)
		}
	}
	_, _, err := c.Login(t.Context(), host, Credentials{Username: "ann", Password: "hunter2"})
	want := "login attempt to http://" + host + "/v2/ failed with status: 401 Unauthorized"
	if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	img := image3(t)
	_, err = c.Push(t.Context(), parse(t, host+"/a"), img, ann, nil)
	require.NoError(t, err)
	got, err := c.Pull(t.Context(), parse(t, host+"/a"), v1.Platform{}, ann)
	require.NoError(t, err)
	same(t, got, img)
	if _, err = c.Pull(t.Context(), parse(t, host+"/a"), v1.Platform{}, Credentials{}); err == nil || !strings.HasSuffix(err.Error(), "no basic auth credentials") {
		t.Errorf("an anonymous pull: %v", err)
	}
}
