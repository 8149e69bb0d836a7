package image_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/04-images/layer"
)

func TestALayerMayRelyOnLinksBelow(t *testing.T) {
	s := open(t)
	base := bytes.Buffer{}
	base.Write(archiveOf("var/run", "-> /run"))
	img, err := s.Put(ctx, imageOf(t,
		layerOf(base.Bytes(), types.OCILayer),
		layerOf(tarOf("var/run/app.pid", "7"), types.OCILayer),
		layerOf(tarOf("var/run/other.pid", "8"), types.OCILayer)), nil, "box")
	require.NoError(t, err)
	top, err := s.Unpack(ctx, img)
	require.NoError(t, err)
	dirs, err := s.trees.Layers(top)
	require.NoError(t, err)
	for i, want := range []string{"run/other.pid", "run/app.pid"} {
		require.FileExists(t, filepath.Join(dirs[i], want))
		link, err := os.Readlink(filepath.Join(dirs[i], "var/run"))
		if err != nil || link != "/run" {
			t.Errorf("var/run would hide the link below: %q, %v", link, err)
		}
	}
	if img.Size != 2 {
		t.Errorf("the files have %d bytes, want 2: laid out twice they count once", img.Size)
	}
}

func TestManyEqualLayers(t *testing.T) {
	same := layerOf(tarOf("a", "b"), types.OCILayer)
	var layers []v1.Layer
	for range 60 {
		layers = append(layers, same)
	}
	s := open(t)
	img, err := s.Put(ctx, imageOf(t, layers...), nil, "box")
	require.NoError(t, err)
	if blobs, trees, halves := s.count(t); blobs != 4 || trees != 60 || halves != 0 {
		t.Errorf("%d blobs, %d trees, %d halves; want 4, 60, 0", blobs, trees, halves)
	}
	require.EqualValues(t, 60, img.Size)
}

func TestAFullDiskIsSaidAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"))
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	s := reopen(t, dir)
	_, err := s.Put(ctx, sample(t), nil, "small")
	require.NoError(t, err)
	large := layerOf(tarOf("large", strings.Repeat("x", 4<<20)), types.OCILayer)
	_, err = s.Put(ctx, imageOf(t, large), nil, "large")
	require.ErrorIs(t, err, unix.ENOSPC)
	if blobs, trees, halves := s.count(t); blobs != 6 || trees != 3 || halves != 0 {
		t.Errorf("%d blobs, %d trees, %d halves; want the 6, 3, 0 of the small image", blobs, trees, halves)
	}
	_, err = s.Get("small")
	require.NoError(t, err)
}

func TestABombStopsAtTheLimit(t *testing.T) {
	s := open(t)
	s.Limit = 1 << 20
	for _, kind := range []types.MediaType{types.OCILayer, types.OCILayerZStd} {
		bomb := layerOf(tarOf("bomb", strings.Repeat("\x00", 8<<20)), kind)
		size, err := bomb.Size()
		require.NoError(t, err)
		if size > 100_000 {
			t.Fatalf("the bomb has %d bytes packed, that is none", size)
		}
		_, err = s.Put(ctx, imageOf(t, bomb), nil, "bomb")
		require.ErrorIs(t, err, layer.ErrLimit)
	}
	_, err := s.Import(ctx, bytes.NewReader(tarOf("large", strings.Repeat("x", 2<<20))), v1.Config{}, "", "")
	require.ErrorIs(t, err, layer.ErrLimit)
	s.untouched(t)
}

func TestPutAndRemoveSideBySide(t *testing.T) {
	s := open(t)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for range 5 {
				name := fmt.Sprintf("box:%d", i)
				img, err := s.Put(ctx, sample(t), nil, name)
				if err != nil {
					t.Error(err)
					return
				}
				if err := readLayers(img); err != nil && i == 0 {
					t.Logf("read beside removals: %v", err) // a name of another may be the last to go
				}
				if _, err := s.Remove(name, true, nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	s.untouched(t)
}

func TestTheIndexIsWholeAtEveryMoment(t *testing.T) {
	s := open(t)
	stop := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			b, err := os.ReadFile(filepath.Join(s.dir, "images/index.json"))
			var index v1.IndexManifest
			if err == nil {
				err = json.Unmarshal(b, &index)
			}
			for _, d := range index.Manifests {
				if _, statErr := os.Stat(filepath.Join(s.dir, "images/blobs/sha256", d.Digest.Hex)); statErr != nil {
					err = statErr
				}
			}
			if err != nil {
				t.Errorf("index.json: %v", err)
				return
			}
		}
	})
	for i := range 20 {
		_, err := s.Put(ctx, imageOf(t, layerOf(tarOf("f", fmt.Sprint(i)), types.OCILayer)), nil, fmt.Sprintf("box:%d", i))
		require.NoError(t, err)
	}
	close(stop)
	reader.Wait()
}

// raw is an image made of bytes that nothing checks.
type raw struct {
	v1.Image
	kind             types.MediaType
	manifest, config string
}

func (r raw) MediaType() (types.MediaType, error) { return r.kind, nil }
func (r raw) RawManifest() ([]byte, error)        { return []byte(r.manifest), nil }
func (r raw) RawConfigFile() ([]byte, error)      { return []byte(r.config), nil }
func (r raw) LayerByDigest(v1.Hash) (v1.Layer, error) {
	return static.NewLayer(nil, types.OCILayer), nil
}
func (r raw) Digest() (v1.Hash, error) {
	h, _, err := v1.SHA256(strings.NewReader(r.manifest))
	return h, err
}

func TestMalformedImagesAreRefused(t *testing.T) {
	config := `{"rootfs":{"type":"layers","diff_ids":[]}}`
	h, _, err := v1.SHA256(strings.NewReader(config))
	require.NoError(t, err)
	manifest := func(size int, layers, more string) string {
		return fmt.Sprintf(`{"schemaVersion":2,"config":{"digest":%q,"size":%d},"layers":[%s]%s}`, h, size, layers, more)
	}
	good := manifest(len(config), "", "")
	zero := "sha256:" + strings.Repeat("0", 64)
	for name, img := range map[string]raw{
		"schema 1":          {kind: types.DockerManifestSchema1, manifest: good, config: config},
		"an index":          {kind: types.OCIImageIndex, manifest: good, config: config},
		"no JSON":           {kind: types.OCIManifestSchema1, manifest: "{", config: config},
		"index and image":   {kind: types.OCIManifestSchema1, manifest: manifest(len(config), "", `,"manifests":[]`), config: config},
		"config size":       {kind: types.OCIManifestSchema1, manifest: manifest(7, "", ""), config: config},
		"config digest":     {kind: types.OCIManifestSchema1, manifest: good, config: strings.Replace(config, "[]", "{}", 1)},
		"layers, no diffs":  {kind: types.OCIManifestSchema1, manifest: manifest(len(config), `{"digest":"`+zero+`","size":1}`, ""), config: config},
		"digest is a path":  {kind: types.OCIManifestSchema1, manifest: manifest(len(config), `{"digest":"sha256:../../x","size":1}`, ""), config: config},
		"manifest too long": {kind: types.OCIManifestSchema1, manifest: good + strings.Repeat(" ", 5<<20), config: config},
	} {
		s := open(t)
		if _, err := s.Put(ctx, img, nil, "box"); err == nil {
			t.Errorf("%s: the image was accepted", name)
		}
		s.untouched(t)
	}
	_, err = open(t).Put(ctx, raw{kind: types.OCIManifestSchema1, manifest: good, config: config}, nil, "box")
	require.NoError(t, err, "the one that is as it should be")
}

func TestACancelledLoadLeavesNothing(t *testing.T) {
	from, to := open(t), open(t)
	_, err := from.Put(ctx, sample(t), nil, "box")
	require.NoError(t, err)
	archive := save(t, from, "box")
	for n := 512; n < len(archive); n += 3000 {
		ctx, cancel := context.WithCancel(ctx)
		_, err := to.Load(ctx, &cancelling{bytes.NewReader(archive), n, cancel}, nil)
		require.ErrorIs(t, err, context.Canceled)
		to.untouched(t)
	}
	_, err = to.Load(ctx, bytes.NewReader(archive), nil)
	require.NoError(t, err)
}

// cancelling gives n bytes and then cancels.
type cancelling struct {
	r      *bytes.Reader
	n      int
	cancel func()
}

func (c *cancelling) Read(p []byte) (int, error) {
	n, err := c.r.Read(p[:min(len(p), c.n+1)])
	if c.n -= n; c.n <= 0 {
		c.cancel()
	}
	return n, err
}
