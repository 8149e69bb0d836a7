package image_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"

	"drydock/04-images/image"
)

func mustTag(t testing.TB, s string) name.Tag {
	tag, err := name.NewTag(s)
	require.NoError(t, err)
	return tag
}

const running, stopped = "0123456789abcdef running", "fedcba9876543210 stopped"

func usedBy(users ...string) func(string) []image.Use {
	return func(string) (all []image.Use) {
		for _, u := range users {
			all = append(all, image.Use{Container: u, Running: u == running})
		}
		return all
	}
}

func TestRemoveObeysDockersRules(t *testing.T) {
	source := sample(t)
	digest, err := source.Digest()
	require.NoError(t, err)
	id, err := source.ConfigName()
	require.NoError(t, err)
	byDigest := "box@" + digest.String()
	for name, c := range map[string]struct {
		names []string
		ref   string
		force bool
		users []string
		lines []string // what goes, without trees
		err   string
	}{
		"last name":                    {names: []string{"box"}, ref: "box", lines: []string{"-box:latest", "x"}},
		"one of two names":             {names: []string{"box", "box:2"}, ref: "box:2", lines: []string{"-box:2"}},
		"last tag and its digest":      {names: []string{"box", byDigest}, ref: "box", lines: []string{"-box:latest", "-" + byDigest, "x"}},
		"one tag of two and a digest":  {names: []string{"box", "box:2", byDigest}, ref: "box", lines: []string{"-box:latest"}},
		"by id":                        {names: []string{"box", byDigest}, ref: id.Hex[:12], lines: []string{"-box:latest", "-" + byDigest, "x"}},
		"by id, two names":             {names: []string{"box", "box:2"}, ref: id.String(), err: "conflict: unable to delete " + id.Hex[:12] + " (must be forced) - image is referenced in multiple repositories"},
		"by id, two names, forced":     {names: []string{"box", "box:2"}, ref: id.String(), force: true, lines: []string{"-box:2", "-box:latest", "x"}},
		"by name, stopped":             {names: []string{"box"}, ref: "box", users: []string{stopped}, err: `conflict: unable to remove repository reference "box" (must force) - container fedcba987654 is using its referenced image ` + id.Hex[:12]},
		"by name, stopped, forced":     {names: []string{"box"}, ref: "box", force: true, users: []string{stopped}, lines: []string{"-box:latest", "x"}},
		"by name, running, forced":     {names: []string{"box"}, ref: "box", force: true, users: []string{running}, lines: []string{"-box:latest"}},
		"by id, stopped":               {names: []string{"box"}, ref: id.Hex, users: []string{stopped}, err: "conflict: unable to delete " + id.Hex[:12] + " (must be forced) - image is being used by stopped container fedcba987654"},
		"by id, running, forced":       {names: []string{"box"}, ref: id.Hex, force: true, users: []string{running}, err: "conflict: unable to delete " + id.Hex[:12] + " (cannot be forced) - image is being used by running container 0123456789ab"},
		"one of two names, in use":     {names: []string{"box", "box:2"}, ref: "box", users: []string{running}, lines: []string{"-box:latest"}},
		"nobody knows it":              {names: []string{"box"}, ref: "nobody", err: "No such image: nobody:latest"},
		"without a name, by id":        {ref: id.Hex, lines: []string{"x"}},
		"without a name, in use by id": {ref: id.Hex, users: []string{stopped}, err: "conflict: unable to delete " + id.Hex[:12] + " (must be forced) - image is being used by stopped container fedcba987654"},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			_, err := s.Put(ctx, source, nil, c.names...)
			require.NoError(t, err)
			lines, err := s.Remove(c.ref, c.force, usedBy(c.users...))
			if c.err != "" {
				require.EqualError(t, err, c.err)
				if !errors.Is(err, fs.ErrExist) && !errors.Is(err, fs.ErrNotExist) {
					t.Error("the refusal is neither a conflict nor a missing image")
				}
				return
			}
			require.NoError(t, err)
			var got []string
			for _, l := range lines {
				if l.Untagged != "" {
					got = append(got, "-"+l.Untagged)
				} else if l.Deleted == id.String() {
					got = append(got, "x")
				}
			}
			require.Equal(t, c.lines, got)
			if got[len(got)-1] == "x" {
				s.untouched(t)
			}
		})
	}
}

func TestRemoveKeepsWhatOthersShare(t *testing.T) {
	s := open(t)
	shared := layerOf(tarOf("shared", "1"), types.OCILayer)
	for _, n := range []string{"a", "b"} {
		_, err := s.Put(ctx, imageOf(t, shared, layerOf(tarOf("own", n), types.OCILayer)), nil, n)
		require.NoError(t, err)
	}
	_, err := s.Remove("a", false, nil)
	require.NoError(t, err)
	b, err := s.Get("b")
	require.NoError(t, err)
	top, err := s.Unpack(ctx, b)
	require.NoError(t, err)
	dirs, err := s.trees.Layers(top)
	require.NoError(t, err)
	require.FileExists(t, filepath.Join(dirs[1], "shared"))
	if _, trees, _ := s.count(t); trees != 2 {
		t.Errorf("%d trees are left, want 2: the one that both had, and b's own", trees)
	}
	require.NoError(t, readLayers(b))
}

func readLayers(img *image.Image) error {
	layers, err := img.Layers()
	for _, l := range layers {
		r, err := l.Compressed()
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			return err
		}
		r.Close()
	}
	return err
}

func TestATreeUnderAContainerStays(t *testing.T) {
	s := open(t)
	img, err := s.Put(ctx, sample(t), nil, "box")
	require.NoError(t, err)
	top, err := s.Unpack(ctx, img)
	require.NoError(t, err)
	require.NoError(t, s.trees.Prepare("container", top))
	_, err = s.Remove("box", true, usedBy(stopped))
	require.NoError(t, err)
	if !s.trees.Has(top) {
		t.Fatal("the tree was taken away from under a container")
	}
	require.NoError(t, s.trees.Remove("container"))
	_, _, err = s.Prune(func(*image.Image) bool { return false })
	require.NoError(t, err)
	s.untouched(t)
}

func TestPruneTakesWhatItIsTold(t *testing.T) {
	s := open(t)
	_, err := s.Put(ctx, sample(t), nil)
	require.NoError(t, err)
	_, err = s.Put(ctx, imageOf(t, layerOf(tarOf("x", "y"), types.OCILayer)), nil, "keep")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "images/blobs/sha256/2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"), []byte("hello"), 0o644))
	lines, freed, err := s.Prune(func(img *image.Image) bool { return len(img.Names) == 0 })
	require.NoError(t, err)
	if len(lines) != 4 || freed != 12 {
		t.Errorf("%d lines, %d bytes; want the image and its three trees, 12 bytes", len(lines), freed)
	}
	if blobs, trees, _ := s.count(t); blobs != 4 || trees != 1 {
		t.Errorf("%d blobs and %d trees are left, want 4 and 1", blobs, trees)
	}
}

func TestAppendMakesLayersOfSnapshots(t *testing.T) {
	s := open(t)
	parent, err := s.Put(ctx, sample(t), nil, "box")
	require.NoError(t, err)
	top, err := s.Unpack(ctx, parent)
	require.NoError(t, err)
	for name, keep := range map[string]bool{"build": false, "commit": true} {
		key := "work-" + name
		require.NoError(t, s.trees.Prepare(key, top))
		upper, err := s.trees.Upper(key)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(upper, "new"), []byte(name), 0o644))
		img, err := s.Append(ctx, image.Step{
			Parent: parent, Key: key, Keep: keep, Names: []string{name},
			Config: v1.ConfigFile{Config: v1.Config{Cmd: []string{"/bin/sh"}}}, History: v1.History{CreatedBy: "RUN " + name},
		})
		require.NoError(t, err)
		if active := slices.Contains(s.trees.Names(false), key); active != keep {
			t.Errorf("after %s, that the snapshot is active is %v, want %v", name, active, keep)
		}
		tree, err := s.Unpack(ctx, img)
		require.NoError(t, err)
		dirs, err := s.trees.Layers(tree)
		require.NoError(t, err)
		text, err := os.ReadFile(filepath.Join(dirs[0], "new"))
		require.NoError(t, err)
		require.Equal(t, name, string(text))
		require.Len(t, dirs, 4)
		require.Equal(t, parent.Size+int64(len(name)), img.Size)
		history := img.History()
		require.Equal(t, "RUN "+name, history[0].CreatedBy)
		require.Equal(t, int64(len(name)), history[0].Size)
		require.Equal(t, "<missing>", history[1].ID)
	}
}

func TestAppendWithoutALayerSharesTheTree(t *testing.T) {
	s := open(t)
	parent, err := s.Import(ctx, bytes.NewReader(tarOf("etc/", "/", "etc/motd", "hi")), v1.Config{}, "Imported from -", "base")
	require.NoError(t, err)
	img, err := s.Append(ctx, image.Step{Parent: parent, Config: v1.ConfigFile{Config: v1.Config{Env: []string{"A=B"}}}, History: v1.History{CreatedBy: "ENV A=B"}})
	require.NoError(t, err)
	require.NotEqual(t, parent.ID, img.ID)
	require.Equal(t, "Imported from -", img.History()[1].Comment)
	if _, trees, _ := s.count(t); trees != 1 {
		t.Errorf("%d trees, want 1: only the config changed", trees)
	}
	empty, err := s.Append(ctx, image.Step{Names: []string{"scratch"}})
	require.NoError(t, err)
	top, err := s.Unpack(ctx, empty)
	require.NoError(t, err)
	require.Empty(t, top)
}

func TestAFailedImportLeavesNothing(t *testing.T) {
	s := open(t)
	for _, b := range [][]byte{tarOf("../x", "evil"), tarOf("a", "text")[:514], {0x1f, 0x8b, 1}, {0xfd, '7', 'z', 'X', 'Z', 0}} {
		_, err := s.Import(ctx, bytes.NewReader(b), v1.Config{}, "", "x")
		require.Error(t, err)
	}
	s.untouched(t)
}
