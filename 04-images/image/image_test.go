package image_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"drydock/01-namespaces/sandboxtest"
	"drydock/03-overlayfs/snapshot"
	"drydock/04-images/blob"
	"drydock/04-images/image"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, map[string]func() int{"putter": putter}) }

var ctx = context.Background()

// A shop is a store with the directories behind it.
type shop struct {
	*image.Store
	trees *snapshot.Store
	dir   string
}

func open(t testing.TB) shop { return reopen(t, t.TempDir()) }

func reopen(t testing.TB, dir string) shop {
	trees, err := snapshot.Open(filepath.Join(dir, "snapshots"))
	require.NoError(t, err)
	s, err := image.Open(filepath.Join(dir, "images"), trees)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return shop{s, trees, dir}
}

// blobs is how many blobs and trees there are, and half-made things.
func (s shop) count(t testing.TB) (blobs, trees, halves int) {
	all, err := os.ReadDir(filepath.Join(s.dir, "images/blobs/sha256"))
	require.NoError(t, err)
	tmp, err := os.ReadDir(filepath.Join(s.dir, "images/tmp"))
	require.NoError(t, err)
	return len(all), len(s.trees.Names(true)), len(tmp) + len(s.trees.Names(false))
}

// untouched fails the test if the store holds anything at all.
func (s shop) untouched(t testing.TB) {
	t.Helper()
	if b, n, h := s.count(t); b+n+h != 0 {
		t.Errorf("%d blobs, %d trees and %d half-made things were left behind", b, n, h)
	}
}

// tarOf packs files, name by name: a text, or "/" for a directory.
func tarOf(files ...string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		h := &tar.Header{Name: files[i], Mode: 0o755, Size: int64(len(files[i+1])), Typeflag: tar.TypeReg}
		if files[i+1] == "/" {
			h.Typeflag, h.Size = tar.TypeDir, 0
		}
		w.WriteHeader(h)
		if h.Size > 0 {
			io.WriteString(w, files[i+1])
		}
	}
	w.Close()
	return b.Bytes()
}

// packed is a layer whose media type may be anything and whose bytes are
// packed as asked.
type packed struct {
	partial.CompressedLayer
	diff v1.Hash
}

func (p packed) DiffID() (v1.Hash, error)             { return p.diff, nil }
func (p packed) Uncompressed() (io.ReadCloser, error) { return nil, errors.New("not asked for") }

func layerOf(plain []byte, kind types.MediaType) v1.Layer {
	var b bytes.Buffer
	switch kind {
	case types.DockerLayer, types.OCILayer:
		w := gzip.NewWriter(&b)
		w.Write(plain)
		w.Close()
	case types.OCILayerZStd:
		w, _ := zstd.NewWriter(&b)
		w.Write(plain)
		w.Close()
	default:
		b.Write(plain)
	}
	diff, _, _ := v1.SHA256(bytes.NewReader(plain))
	return packed{static.NewLayer(b.Bytes(), kind), diff}
}

func imageOf(t testing.TB, layers ...v1.Layer) v1.Image {
	img, err := mutate.AppendLayers(empty.Image, layers...)
	require.NoError(t, err)
	return img
}

// sample has three layers, packed in three ways.
func sample(t testing.TB) v1.Image {
	return imageOf(t,
		layerOf(tarOf("etc/", "/", "etc/motd", "old", "etc/hosts", "h"), types.DockerLayer),
		layerOf(tarOf("etc/motd", "new"), types.OCILayerZStd),
		layerOf(tarOf("etc/.wh.hosts", "", "bin/", "/", "bin/sh", "shell"), types.OCIUncompressedLayer))
}

func TestPutUnpacksAndGetFinds(t *testing.T) {
	s := open(t)
	source := sample(t)
	digest, err := source.Digest()
	require.NoError(t, err)
	img, err := s.Put(ctx, source, nil, "box", "quay.io/team/box:v1", "box@"+digest.String())
	require.NoError(t, err)
	require.Equal(t, []string{"box:latest", "quay.io/team/box:v1"}, img.Names)
	require.Equal(t, []string{"box@" + digest.String()}, img.Digests)
	if img.Size != 3+1+3+5 {
		t.Errorf("the unpacked layers have %d bytes, want 12", img.Size)
	}
	for _, ref := range []string{
		"box", "box:latest", "docker.io/library/box", "quay.io/team/box:v1", "box@" + digest.String(),
		img.ID.String(), img.ID.Hex, img.ID.Hex[:12], img.ID.Hex[:3], "sha256:" + img.ID.Hex[:7], digest.String(), "quay.io/team/box@" + digest.String(),
	} {
		got, err := s.Get(ref)
		if err != nil || got.ID != img.ID {
			t.Errorf("Get(%q) is %v, %v", ref, got, err)
		}
	}
	top, err := s.Unpack(ctx, img)
	require.NoError(t, err)
	dirs, err := s.trees.Layers(top)
	require.NoError(t, err)
	require.Len(t, dirs, 3)
	motd, err := os.ReadFile(filepath.Join(dirs[1], "etc/motd"))
	require.NoError(t, err)
	if string(motd) != "new" {
		t.Errorf("the second layer's etc/motd is %q, want \"new\"", motd)
	}
}

func TestWhatIsNotThereIsSaidInDockersWords(t *testing.T) {
	s := open(t)
	_, err := s.Put(ctx, sample(t), nil, "box")
	require.NoError(t, err)
	id := strings.Repeat("0", 64)
	for ref, want := range map[string]struct {
		text string
		kind error
	}{
		"nobody":               {"No such image: nobody:latest", fs.ErrNotExist},
		"quay.io/x:y":          {"No such image: quay.io/x:y", fs.ErrNotExist},
		"sha256:" + id:         {"No such image: sha256:" + id, fs.ErrNotExist},
		id:                     {"No such image: " + id, fs.ErrNotExist},
		"":                     {"invalid reference format", fs.ErrInvalid},
		"../../etc":            {"invalid reference format", fs.ErrInvalid},
		"Box":                  {"invalid reference format: repository name (library/Box) must be lowercase", fs.ErrInvalid},
		"box:" + id + id + "0": {"invalid reference format", fs.ErrInvalid},
	} {
		_, err := s.Get(ref)
		if err == nil || err.Error() != want.text || !errors.Is(err, want.kind) {
			t.Errorf("Get(%q) says %v, want %q", ref, err, want.text)
		}
	}
}

func TestAPrefixOfTwoIdsIsAmbiguous(t *testing.T) {
	s := open(t)
	seen := map[byte]bool{}
	for i := range 17 { // one more than there are hex digits
		img, err := s.Put(ctx, imageOf(t, layerOf(tarOf("f", fmt.Sprint(i)), types.OCILayer)), nil)
		require.NoError(t, err)
		first := img.ID.Hex[0]
		if _, err := s.Get(string(first)); seen[first] {
			require.ErrorContains(t, err, "ambiguous reference")
			return
		}
		seen[first] = true
	}
}

func TestTheDirectoryIsALayoutForOthers(t *testing.T) {
	s := open(t)
	_, err := s.Put(ctx, sample(t), nil, "box", "box:v2")
	require.NoError(t, err)
	// validate takes every layer for gzip.
	img, err := s.Put(ctx, imageOf(t, layerOf(tarOf("x", "y"), types.OCILayer), layerOf(tarOf("z", "z"), types.DockerLayer)), nil, "zip")
	require.NoError(t, err)
	require.NoError(t, validate.Image(img.Image))
	dir := filepath.Join(s.dir, "images")
	index, err := layout.ImageIndexFromPath(dir)
	require.NoError(t, err)
	manifest, err := index.IndexManifest()
	require.NoError(t, err)
	require.Len(t, manifest.Manifests, 3)
	for name, args := range map[string][]string{
		"skopeo": {"inspect", "--raw", "oci:" + dir + ":docker.io/library/box:v2"},
		"umoci":  {"stat", "--image", dir + ":docker.io/library/box:latest"},
	} {
		t.Run(name, func(t *testing.T) {
			path, err := exec.LookPath(name)
			if err != nil {
				t.Skipf("%s is not installed", name)
			}
			out, err := exec.Command(path, args...).CombinedOutput()
			require.NoError(t, err, string(out))
		})
	}
}

func TestTheStoreRemembers(t *testing.T) {
	s := open(t)
	img, err := s.Put(ctx, sample(t), nil, "box", "box:v2")
	require.NoError(t, err)
	_, err = s.Put(ctx, imageOf(t, layerOf(tarOf("x", "y"), types.OCILayer)), nil)
	require.NoError(t, err)
	require.NoError(t, s.trees.Prepare("unpack-crashed", ""))
	require.NoError(t, s.Close())
	again := reopen(t, s.dir)
	got, err := again.Get("box:v2")
	require.NoError(t, err)
	require.Equal(t, img.Names, got.Names)
	require.Equal(t, img.Size, got.Size)
	if !got.Tagged.Equal(img.Tagged) {
		t.Errorf("tagged at %v, remembered as %v", img.Tagged, got.Tagged)
	}
	all, err := again.List()
	require.NoError(t, err)
	if len(all) != 2 {
		t.Errorf("%d images, want 2: one without a name is an image too", len(all))
	}
	if _, _, halves := again.count(t); halves != 0 {
		t.Error("a staging tree of a crash is still there")
	}
}

func TestLostTreesAreMadeAgain(t *testing.T) {
	s := open(t)
	img, err := s.Put(ctx, sample(t), nil, "box")
	require.NoError(t, err)
	require.NoError(t, s.Close())
	require.NoError(t, os.RemoveAll(filepath.Join(s.dir, "snapshots")))
	again := reopen(t, s.dir)
	img, err = again.Get(img.ID.String())
	require.NoError(t, err)
	top, err := again.Unpack(ctx, img)
	require.NoError(t, err)
	if !again.trees.Has(top) {
		t.Error("Unpack answered a tree that is not there")
	}
}

// A wrong image serves something else than it promises.
type wrong struct {
	v1.Image
	bytes func([]byte) []byte
}

func (w wrong) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	l, err := w.Image.LayerByDigest(h)
	return wrongLayer{l, w.bytes}, err
}

type wrongLayer struct {
	v1.Layer
	bytes func([]byte) []byte
}

func (w wrongLayer) Compressed() (io.ReadCloser, error) {
	r, err := w.Layer.Compressed()
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return io.NopCloser(bytes.NewReader(w.bytes(b))), err
}

func TestWrongBytesLeaveNothing(t *testing.T) {
	other := tarOf("evil", "evil")
	cases := map[string]func([]byte) []byte{
		"other bytes": func(b []byte) []byte { return append(slices.Clone(other), b...)[:len(b)] },
		"too few":     func(b []byte) []byte { return b[:len(b)-1] },
		"too many":    func(b []byte) []byte { return append(b, 0) },
		"nothing":     func(b []byte) []byte { return nil },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			_, err := s.Put(ctx, wrong{sample(t), change}, nil, "box")
			require.Error(t, err)
			s.untouched(t)
			_, err = s.Get("box")
			require.ErrorIs(t, err, fs.ErrNotExist)
		})
	}
}

func TestAWrongDiffIDIsRefused(t *testing.T) {
	l := layerOf(tarOf("a", "b"), types.OCILayer).(packed)
	l.diff.Hex = strings.Repeat("0", 64)
	s := open(t)
	_, err := s.Put(ctx, imageOf(t, l), nil, "box")
	require.ErrorIs(t, err, blob.ErrDigest)
	s.untouched(t)
}

func TestForeignLayersAreRefused(t *testing.T) {
	for _, kind := range []types.MediaType{types.DockerForeignLayer, types.OCIRestrictedLayer} {
		s := open(t)
		_, err := s.Put(ctx, imageOf(t, layerOf(tarOf("a", "b"), kind)), nil, "box")
		require.ErrorContains(t, err, "foreign layer")
		s.untouched(t)
	}
}

// A slow image hands out its layers one after the other, as the test wants.
type slow struct {
	v1.Image
	asked chan struct{}
	let   chan struct{}
}

func (s slow) LayerByDigest(h v1.Hash) (v1.Layer, error) {
	s.asked <- struct{}{}
	<-s.let
	return s.Image.LayerByDigest(h)
}

func TestACancelledPutLeavesNothing(t *testing.T) {
	s := open(t)
	ctx, cancel := context.WithCancel(ctx)
	img := slow{sample(t), make(chan struct{}, 3), make(chan struct{})}
	failed := make(chan error)
	go func() { _, err := s.Put(ctx, img, nil, "box"); failed <- err }()
	<-img.asked
	cancel()
	close(img.let)
	require.ErrorIs(t, <-failed, context.Canceled)
	s.untouched(t)
}

func TestTwoPutsShareTheWork(t *testing.T) {
	s := open(t)
	img := slow{sample(t), make(chan struct{}, 100), make(chan struct{})}
	close(img.let)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if _, err := s.Put(ctx, img, nil, fmt.Sprintf("box:%d", i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(img.asked); n != 3 {
		t.Errorf("the layers were fetched %d times, want 3: each once", n)
	}
	got, err := s.Get("box:7")
	require.NoError(t, err)
	require.Len(t, got.Names, 8)
	if b, n, h := s.count(t); b != 6 || n != 3 || h != 0 {
		t.Errorf("%d blobs, %d trees, %d halves; want 6, 3, 0", b, n, h)
	}
}

func TestProgressSpeaksAsDocker(t *testing.T) {
	s := open(t)
	words := map[string][]string{}
	note := func(id, status string, _, _ int64) {
		if len(id) != 12 {
			t.Errorf("the id is %q, want 12 digits", id)
		}
		words[id] = append(words[id], status)
	}
	_, err := s.Put(ctx, sample(t), note, "box")
	require.NoError(t, err)
	for id, said := range words {
		require.Equal(t, []string{"Pulling fs layer", "Verifying Checksum", "Download complete", "Extracting", "Pull complete"}, said, id)
	}
	require.Len(t, words, 3)
	clear(words)
	_, err = s.Put(ctx, sample(t), note, "again")
	require.NoError(t, err)
	for id, said := range words {
		require.Equal(t, []string{"Already exists"}, said, id)
	}
}

func TestATagMovesAndLeavesAnImageWithoutName(t *testing.T) {
	s := open(t)
	old, err := s.Put(ctx, sample(t), nil, "box")
	require.NoError(t, err)
	_, err = s.Put(ctx, imageOf(t, layerOf(tarOf("x", "y"), types.OCILayer)), nil, "box")
	require.NoError(t, err)
	got, err := s.Get(old.ID.String())
	require.NoError(t, err)
	require.Empty(t, got.Names)
	require.NoError(t, s.Tag(old.ID.Hex[:12], "old:1"))
	got, err = s.Get("old:1")
	require.NoError(t, err)
	require.Equal(t, old.ID, got.ID)
	require.ErrorIs(t, s.Tag("nobody", "x"), fs.ErrNotExist)
	require.ErrorIs(t, s.Tag("old:1", "X"), fs.ErrInvalid)
}
