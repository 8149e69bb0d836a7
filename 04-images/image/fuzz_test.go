package image_test

import (
	"bytes"
	"errors"
	"io/fs"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/stretchr/testify/require"
)

// FuzzLoad feeds archives of strangers. Law: what is refused leaves nothing,
// and what is taken can be saved and loaded again as the same image.
func FuzzLoad(f *testing.F) {
	s := open(f)
	img, err := s.Put(ctx, imageOf(f, layerOf(tarOf("x", "y"), types.OCIUncompressedLayer)), nil, "box")
	require.NoError(f, err)
	good := save(f, s, "box")
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add(bytes.ReplaceAll(good, []byte(img.ID.Hex[:8]), []byte("../../..")))
	f.Add(bytes.ReplaceAll(good, []byte("sha256"), []byte("sha512")))
	f.Add(bytes.ReplaceAll(good, []byte("layers"), []byte("lAyers")))
	f.Fuzz(func(t *testing.T, b []byte) {
		from, to := open(t), open(t)
		images, err := load(from, b)
		if err != nil && len(images) == 0 {
			all, err := from.List()
			require.NoError(t, err)
			if len(all) == 0 {
				from.untouched(t)
			}
			return
		}
		for _, img := range images {
			again, err := load(to, save(t, from, img.ID.String()))
			require.NoError(t, err)
			require.Equal(t, img.ID, again[0].ID)
		}
	})
}

// FuzzGet asks for anything. Law: an error is one of the two that clients
// know, and what is found is found again by its whole name.
func FuzzGet(f *testing.F) {
	s := open(f)
	img, err := s.Put(ctx, sample(f), nil, "box", "quay.io/team/box:v1")
	require.NoError(f, err)
	for _, seed := range []string{"box", "", ":", "@", "a@sha256:0", "sha256:", img.ID.Hex[:1], "box:latest@" + img.ID.String(), "\x00", "../x", "a:b:c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		got, err := s.Get(ref)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("Get(%q): %v", ref, err)
			}
			return
		}
		again, err := s.Get(got.ID.String())
		require.NoError(t, err)
		require.Equal(t, got.ID, again.ID)
	})
}
