package pack

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"
)

// archive makes the whole image from the module in a folder.
func archive(t *testing.T, module, arch string) (v1.Image, []byte) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, Build(module, dir, arch))
	img, err := Image(dir, arch)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, Write(&b, img, "drydock/base:latest"))
	return img, b.Bytes()
}

// elsewhere copies this module to another folder, with links to its siblings.
func elsewhere(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	siblings, err := filepath.Glob("../../../0*")
	require.NoError(t, err)
	for _, sibling := range siblings {
		path, err := filepath.Abs(sibling)
		require.NoError(t, err)
		require.NoError(t, os.Symlink(path, filepath.Join(root, filepath.Base(path))))
	}
	module := filepath.Join(root, "final")
	require.NoError(t, os.CopyFS(filepath.Join(module, "base"), os.DirFS("..")))
	for _, name := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile("../../" + name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(module, name), text, 0o644))
	}
	return module
}

func TestTheSameBytesFromAnyFolder(t *testing.T) {
	_, here := archive(t, "../..", "amd64")
	_, there := archive(t, elsewhere(t), "amd64")
	if !bytes.Equal(here, there) {
		t.Error("the image depends on where the source lies")
	}
}

func TestImage(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64"} {
		_, data := archive(t, "../..", arch)
		img, err := tarball.Image(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }, nil)
		require.NoError(t, err)
		require.NoError(t, validate.Image(img))
		if len(data) > 6_000_000 {
			t.Errorf("the %s image has %d bytes; more than 6 MB is too much to embed", arch, len(data))
		}
		layers, err := img.Layers()
		require.NoError(t, err)
		config, err := img.ConfigFile()
		require.NoError(t, err)
		if len(layers) != 2 || len(config.History) != 2 {
			t.Errorf("%d layers and %d lines of history, want a skeleton and the programs", len(layers), len(config.History))
		}
		if config.Architecture != arch || config.OS != "linux" || config.Config.Cmd[0] != "sh" || len(config.Config.Env) == 0 {
			t.Errorf("the config does not say what to run, and where: %+v", config)
		}
	}
}

func TestSkeleton(t *testing.T) {
	made, err := layer(skeleton())
	require.NoError(t, err)
	seen := headers(t, made)
	for name, mode := range map[string]int64{"tmp/": 0o1777, "var/tmp/": 0o1777, "root/": 0o700, "etc/passwd": 0o644, "proc/": 0o755} {
		if h := seen[name]; h == nil || h.Mode != mode {
			t.Errorf("%s should be there with mode %o, found %+v", name, mode, h)
		}
	}
	if h := seen["usr/bin"]; h == nil || h.Linkname != "../bin" {
		t.Errorf("#!/usr/bin/env needs /usr/bin to be /bin, found %+v", h)
	}
	for name, h := range seen {
		if !h.ModTime.Equal(Born) || h.Uid != 0 || h.Gid != 0 || h.Uname != "" {
			t.Errorf("%s has a time or an owner of this machine: %+v", name, h)
		}
	}
}

// headers reads a layer and checks that its names are in order.
func headers(t *testing.T, l v1.Layer) map[string]*tar.Header {
	t.Helper()
	r, err := l.Uncompressed()
	require.NoError(t, err)
	defer r.Close()
	all, last := map[string]*tar.Header{}, ""
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		if h.Name <= last {
			t.Errorf("%s stands after %s: the order is not fixed", h.Name, last)
		}
		all[h.Name], last = h, h.Name
	}
}

func TestAMissingProgramIsNamed(t *testing.T) {
	_, err := Image(t.TempDir(), "amd64")
	require.ErrorIs(t, err, os.ErrNotExist)
}
