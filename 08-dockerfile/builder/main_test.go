package builder

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandbox"
	"drydock/01-namespaces/sandboxtest"
	"drydock/03-overlayfs/snapshot"
	"drydock/04-images/image"
	"drydock/04-images/layer"
	"drydock/08-dockerfile/dockerfile"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, map[string]func() int{"sh": shell}) }

// shell is the little that these tests need: commands behind each other,
// words without quotes, ">" and "$NAME".
func shell() int {
	env := func(name string) (string, bool) { return os.LookupEnv(name) }
	for line := range strings.SplitSeq(os.Args[2], ";") {
		words, err := dockerfile.Words(line, env, '\\')
		if err != nil || len(words) == 0 {
			continue
		}
		switch words[0] {
		case "exit":
			return int(words[1][0] - '0')
		case "rm":
			err = os.RemoveAll(words[1])
		case "write": // write FILE TEXT
			err = os.WriteFile(words[1], []byte(strings.Join(words[2:], " ")), 0o644)
		case "read": // read FILE
			var b []byte
			b, err = os.ReadFile(words[1])
			os.Stdout.Write(b)
		case "echo":
			os.Stdout.WriteString(strings.Join(words[1:], " ") + "\n")
		case "pwd":
			dir, _ := os.Getwd()
			os.Stdout.WriteString(dir + "\n")
		}
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			return 1
		}
	}
	return 0
}

// A yard is where one test builds: a store with the image "base", whose
// programs are the test binary, and a context.
type yard struct {
	*testing.T
	Builder
	dir     string // of the context
	options Options
	output  bytes.Buffer
}

func newYard(t *testing.T) *yard {
	t.Helper()
	sandboxtest.NeedRoot(t)
	dir := t.TempDir()
	trees, err := snapshot.Open(filepath.Join(dir, "snapshots"))
	require.NoError(t, err)
	images, err := image.Open(filepath.Join(dir, "images"), trees)
	require.NoError(t, err)
	t.Cleanup(func() { images.Close() })
	y := &yard{T: t, dir: t.TempDir()}
	y.Builder = Builder{Images: images, Snapshots: trees, Runner: box{trees}}
	y.base(sandboxtest.Root(t, "sh"))
	return y
}

// base stores the tree in dir as the image "base".
func (y *yard) base(dir string) {
	y.Helper()
	must(y, os.Symlink("/etc", filepath.Join(dir, "link")))
	root, err := os.Open(dir)
	require.NoError(y, err)
	defer root.Close()
	from, to := io.Pipe()
	go func() { to.CloseWithError(layer.Pack(to, root, "/", ".")) }()
	_, err = y.Images.Import(context.Background(), from, v1.Config{Env: []string{"PATH=/bin"}, Cmd: []string{"true"}}, "", "base")
	require.NoError(y, err)
}

// file writes a file of the context.
func (y *yard) file(name, text string) {
	y.Helper()
	path := filepath.Join(y.dir, name)
	must(y, os.MkdirAll(filepath.Dir(path), 0o755))
	must(y, os.WriteFile(path, []byte(text), 0o644))
}

// build builds a Dockerfile.
func (y *yard) build(text string) (*image.Image, error) {
	y.Helper()
	y.file("Dockerfile", text)
	root, err := os.Open(y.dir)
	require.NoError(y, err)
	defer root.Close()
	y.output.Reset()
	o := y.options
	o.Context, o.Output = root, &y.output
	img, err := y.Build(context.Background(), o)
	y.tidy()
	return img, err
}

// made is build that must succeed.
func (y *yard) made(text string) *image.Image {
	y.Helper()
	img, err := y.build(text)
	require.NoError(y, err, y.output.String())
	return img
}

// tidy checks that no build leaves a snapshot in which a command ran.
func (y *yard) tidy() {
	y.Helper()
	if left := y.Snapshots.Names(false); len(left) > 0 {
		y.Errorf("active snapshots are left behind: %v", left)
	}
}

// read is a file of an image, links followed inside of it.
func (y *yard) read(img *image.Image, name string) string {
	y.Helper()
	t := y.tree(img)
	defer t.close()
	f, err := t.open(name)
	if err != nil {
		return "(" + err.Error() + ")"
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	require.NoError(y, err)
	return string(b)
}

func (y *yard) tree(img *image.Image) tree {
	y.Helper()
	chain, err := y.Images.Unpack(context.Background(), img)
	require.NoError(y, err)
	root, err := y.Snapshots.View(chain)
	require.NoError(y, err)
	return tree{root}
}

func (y *yard) config(img *image.Image) *v1.ConfigFile {
	y.Helper()
	c, err := img.ConfigFile()
	require.NoError(y, err)
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	require.NoError(t, err)
}

// A box runs a command in chapter 1's sandbox.
type box struct{ trees *snapshot.Store }

func (b box) Run(ctx context.Context, s Step) error {
	root, err := b.trees.Mount(s.Key)
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer r.Close()
	child, err := sandbox.Spawn(sandbox.Spec{
		Root: root, Mounts: sandbox.DefaultMounts(), New: namespace.Mount | namespace.PID | namespace.UTS | namespace.IPC,
		Process: sandbox.Process{Args: s.Args, Env: s.Env, Dir: s.Dir, User: s.User, Capabilities: capability.Default()},
	}, sandbox.Stdio{Out: w, Err: w})
	w.Close()
	if err != nil {
		return err
	}
	defer child.Close()
	if err := child.Release(); err != nil {
		return err
	}
	if _, err := io.Copy(s.Output, r); err != nil {
		return err
	}
	exit, err := child.Wait()
	if err == nil && exit.Code != 0 {
		err = &ExitError{Code: exit.Code}
	}
	return err
}
