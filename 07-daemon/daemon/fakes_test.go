package daemon

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/require"

	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/sandboxtest"
	"drydock/07-daemon/shim"
)

// A tree is a directory in the part of images and snapshots: every container
// works on it.
type tree string

func (t tree) Get(ref string) (Image, error) {
	if strings.HasPrefix(ref, "missing") {
		return Image{}, notFound("No such image: %s:latest", ref)
	}
	return Image{ID: "sha256:1234567890", Config: &container.Config{
		Env: []string{"PATH=/bin", "FROM=image"}, Labels: map[string]string{"of": "image"},
	}}, nil
}
func (t tree) Unpack(context.Context, string) (string, error) { return "", nil }
func (t tree) Prepare(string, string) error                   { return nil }
func (t tree) Upper(string) (string, error)                   { return string(t), nil }
func (t tree) Remove(string) error                            { return nil }
func (t tree) Mount(string) (mount.Mount, error) {
	return mount.Mount{Type: "bind", Source: string(t), Options: []string{"rbind", "rprivate"}}, nil
}

// shelf keeps volumes in memory and in directories.
type shelf struct {
	dir string

	mu      sync.Mutex // guards all below
	volumes map[string]Volume
	users   map[string][]string // of a container
	filled  map[string]string   // from where a volume was copied up
}

func newShelf(t testing.TB) *shelf {
	return &shelf{dir: t.TempDir(), volumes: map[string]Volume{}, users: map[string][]string{}, filled: map[string]string{}}
}

func (s *shelf) Use(v Volume, id string) (Volume, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v.Name == "" {
		v.Name = newID()
	}
	v.Path = filepath.Join(s.dir, v.Name)
	if v.Options != nil {
		v.Mount = mount.Mount{Type: v.Options["type"], Source: v.Options["device"], Options: []string{v.Options["o"]}}
	}
	s.volumes[v.Name] = v
	s.users[id] = append(s.users[id], v.Name)
	return v, os.MkdirAll(v.Path, 0o755)
}

func (s *shelf) CopyUp(name, from string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, err := os.ReadDir(from)
	for _, e := range entries {
		s.filled[name] += e.Name() + " "
	}
	return err
}

func (s *shelf) Release(id string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := s.users[id]
	delete(s.users, id)
	return names, nil
}

func (s *shelf) Remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.volumes, name)
	return os.RemoveAll(filepath.Join(s.dir, name))
}

// A fleet is a daemon under test.
type fleet struct {
	*Daemon
	t      testing.TB
	config Config
}

// launchDaemon opens a daemon on a root file system of test programs.
func launchDaemon(t testing.TB, change ...func(*Config)) fleet {
	t.Helper()
	sandboxtest.NeedRoot(t)
	c := Config{CgroupRoot: "drydock-test-" + newID()[:8]}
	c.Root, c.ExecRoot = t.TempDir(), t.TempDir()
	root := tree(sandboxtest.Root(t, "stubborn", "touch", "httpd", "fetch", "descriptors", "mountgroups"))
	c.Images, c.Snapshots = root, root
	for _, f := range change {
		f(&c)
	}
	return openDaemon(t, c)
}

func openDaemon(t testing.TB, c Config) fleet {
	t.Helper()
	var err error
	c.Shim, err = shim.Seal("/proc/self/exe")
	require.NoError(t, err)
	d, err := Open(c)
	require.NoError(t, err)
	t.Cleanup(func() {
		defer c.Shim.Close()
		if d.closing() { // the test has closed it; its containers are another's
			return
		}
		for _, b := range d.all() {
			d.Remove(context.Background(), b.id, RemoveOptions{Force: true})
		}
		if err := d.Close(context.Background()); err != nil {
			t.Errorf("close the daemon: %v", err)
		}
	})
	return fleet{d, t, c}
}

// request is a create request without a network, with changes in Docker's
// JSON on top.
func request(t testing.TB, changes string, args ...string) container.CreateRequest {
	r := container.CreateRequest{
		Config:     &container.Config{Image: "probe", Cmd: args},
		HostConfig: &container.HostConfig{NetworkMode: "none"},
	}
	if changes != "" {
		require.NoError(t, json.Unmarshal([]byte(changes), &r))
	}
	return r
}

// create makes a container or fails the test.
func (f fleet) create(name, changes string, args ...string) string {
	f.t.Helper()
	answer, err := f.Create(context.Background(), name, request(f.t, changes, args...))
	require.NoError(f.t, err)
	return answer.ID
}

// run creates and starts a container.
func (f fleet) run(name, changes string, args ...string) string {
	f.t.Helper()
	id := f.create(name, changes, args...)
	require.NoError(f.t, f.Start(context.Background(), id))
	return id
}

// code waits for the end and returns the exit code.
func (f fleet) code(id string) int {
	f.t.Helper()
	wait, err := f.Wait(id, "")
	require.NoError(f.t, err)
	return f.await(wait)
}

func (f fleet) await(wait Waiter) int {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	answer, err := wait(ctx)
	require.NoError(f.t, err, "the container did not end in time")
	return int(answer.StatusCode)
}

// output is what a container wrote to both streams.
func (f fleet) output(id string) string {
	f.t.Helper()
	return f.logs(id, LogOptions{Stdout: true, Stderr: true, Tail: -1})
}
