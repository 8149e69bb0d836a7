package registry

import (
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/stretchr/testify/require"
)

// withPlatform adds an image for linux/riscv64 to an index.
func withPlatform(index v1.ImageIndex, img v1.Image) v1.ImageIndex {
	return mutate.AppendManifests(index, mutate.IndexAddendum{Add: img,
		Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "riscv64"}}})
}

func digestOf(t *testing.T, x interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	h, err := x.Digest()
	require.NoError(t, err)
	return h.String()
}

func TestChoosePlatform(t *testing.T) {
	for _, c := range []struct{ want, have, best string }{
		{"linux/amd64", "linux/arm64 linux/amd64 windows/amd64", "linux/amd64"},
		{"linux/amd64", "linux/amd64/v3 linux/amd64/v1", "linux/amd64/v1"},
		{"linux/amd64/v2", "linux/amd64 linux/amd64/v2 linux/amd64/v3", "linux/amd64/v2"},
		{"linux/x86_64", "linux/amd64", "linux/amd64"},
		{"linux/arm", "linux/arm/v5 linux/arm/v7 linux/arm/v6", "linux/arm/v7"},
		{"linux/arm/v6", "linux/arm/v5 linux/arm/v7", "linux/arm/v5"},
		{"linux/arm64", "linux/arm64/v8", "linux/arm64/v8"},
		{"linux/arm64/v8", "linux/arm64", "linux/arm64"},
		{"linux/arm64/v8", "linux/arm64/v9 unknown/unknown", ""},
		{"linux/386", "linux/amd64", ""},
	} {
		var list []v1.Descriptor
		for _, s := range strings.Fields(c.have) {
			p, err := v1.ParsePlatform(s)
			require.NoError(t, err)
			list = append(list, v1.Descriptor{Platform: p})
		}
		p, err := v1.ParsePlatform(c.want)
		require.NoError(t, err)
		got, err := choose(append(list, v1.Descriptor{}), *p)
		if c.best == "" {
			if err == nil {
				t.Errorf("%s of %s: chose %s", c.want, c.have, got.Platform)
			}
			continue
		}
		if err != nil || got.Platform.String() != c.best {
			t.Errorf("%s of %s: chose %v (%v), want %s", c.want, c.have, got.Platform, err, c.best)
		}
	}
}

func TestTowerOfIndexesIsRefused(t *testing.T) {
	host := serve(t, oracle())
	index := withPlatform(empty.Index, image3(t))
	for range maxDepth + 1 {
		index = mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: index,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "riscv64"}}})
	}
	require.NoError(t, writeIndex(host+"/tower:1", index))
	_, err := new(Client).Pull(t.Context(), parse(t, host+"/tower:1"), v1.Platform{Architecture: "riscv64"}, Credentials{})
	if err == nil || !strings.Contains(err.Error(), "indexes deep") {
		t.Errorf("got %v", err)
	}
}

func TestAnImageIsNamedByItsIndex(t *testing.T) {
	host := serve(t, oracle())
	index := withPlatform(empty.Index, image3(t))
	require.NoError(t, writeIndex(host+"/many:1", index))
	img, err := new(Client).Pull(t.Context(), parse(t, host+"/many:1"), v1.Platform{OS: "linux", Architecture: "riscv64"}, Credentials{})
	require.NoError(t, err)
	named, err := Named(img)
	require.NoError(t, err)
	if named.String() != digestOf(t, index) {
		t.Errorf("the reference means the index %s, the image says %s", digestOf(t, index), named)
	}
	alone, err := Named(image3(t))
	require.NoError(t, err)
	if alone.String() == named.String() {
		t.Error("an image that was not pulled has only its own digest")
	}
}
