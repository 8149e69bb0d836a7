package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/stretchr/testify/require"

	"drydock/01-namespaces/sandboxtest"
	"drydock/05-registry/server"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, nil) }

func TestThereAndBack(t *testing.T) {
	s, err := server.Open(server.Config{Dir: t.TempDir()})
	require.NoError(t, err)
	ts := httptest.NewServer(s)
	defer ts.Close()
	name := strings.TrimPrefix(ts.URL, "http://") + "/there:1"
	there, back := filepath.Join(t.TempDir(), "there"), filepath.Join(t.TempDir(), "back")
	img, err := random.Image(1000, 2)
	require.NoError(t, err)
	at, err := layout.Write(there, empty.Index)
	require.NoError(t, err)
	require.NoError(t, at.AppendImage(img))
	require.NoError(t, push([]string{name, there}))
	require.NoError(t, pull([]string{name, back}))
	for _, dir := range []string{"index.json", "blobs/sha256"} {
		if got, want := listing(t, back, dir), listing(t, there, dir); got != want {
			t.Errorf("%s came back as %s, was %s", dir, got, want)
		}
	}
	if err := push([]string{name, t.TempDir()}); err == nil {
		t.Error("an empty directory was pushed")
	}
	if err := pull([]string{"Bad Name", back}); err == nil {
		t.Error("a bad name was pulled")
	}
}

// listing is what a file holds, or the names in a directory.
func listing(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if b, err := os.ReadFile(path); err == nil {
		return string(b)
	}
	entries, err := os.ReadDir(path)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, "\n")
}
