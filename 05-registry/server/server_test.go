package server

import (
	"net/http/httptest"
	"strings"
	"testing"

	"drydock/01-namespaces/sandboxtest"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, nil) }

// serve starts a registry on loopback and returns it with its host:port.
func start(t *testing.T, c Config) (*Server, string) {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	s, err := Open(c)
	require.NoError(t, err)
	ts := httptest.NewServer(s)
	t.Cleanup(func() { ts.Close(); s.Close() })
	return s, strings.TrimPrefix(ts.URL, "http://")
}

func image(t *testing.T, layers int) v1.Image {
	t.Helper()
	img, err := random.Image(1<<16, int64(layers))
	require.NoError(t, err)
	return img
}

func TestForeignClientPushesAndPulls(t *testing.T) {
	_, host := start(t, Config{})
	img := image(t, 3)
	ref, err := name.ParseReference(host + "/some/where:v1")
	require.NoError(t, err)
	require.NoError(t, remote.Write(ref, img))
	got, err := remote.Image(ref)
	require.NoError(t, err)
	if err := validate.Image(got); err != nil {
		t.Errorf("what came back is not a valid image: %v", err)
	}
	want, _ := img.Digest()
	if have, _ := got.Digest(); have != want {
		t.Errorf("pushed %s, pulled %s", want, have)
	}
}
