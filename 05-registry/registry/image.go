package registry

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// image is a v1.Image whose layers are still on the other side. partial makes
// the rest of the interface from these four methods.
type image struct {
	ctx     context.Context
	session *session
	manifest
	parsed v1.Manifest
	config []byte
	diffs  []v1.Hash // of the layers, as the config promises them
}

// image fetches the config and makes an image of m.
func (s *session) image(ctx context.Context, m manifest) (v1.Image, error) {
	img := &image{ctx: ctx, session: s, manifest: m}
	if err := json.Unmarshal(m.raw, &img.parsed); err != nil {
		return nil, fmt.Errorf("read manifest %s: %w", m.digest, err)
	}
	d := img.parsed.Config
	if d.Size < 0 || d.Size > maxConfig {
		return nil, fmt.Errorf("config %s has %d bytes, more than %d: %w", d.Digest, d.Size, maxConfig, errContent)
	}
	r := s.blob(ctx, d)
	defer r.Close()
	var err error
	if img.config, err = io.ReadAll(r); err != nil {
		return nil, err
	}
	if err := img.pair(); err != nil {
		return nil, err
	}
	whole, err := partial.CompressedToImage(img)
	return &pulled{whole, m.named}, err
}

// A pulled image knows by which digest its reference was found.
type pulled struct {
	v1.Image
	named v1.Hash
}

// Named is the digest that the registry knows an image of Pull by: of the
// index that it was chosen from, where there is one, of its manifest
// otherwise. It is what `docker pull` prints.
func Named(img v1.Image) (v1.Hash, error) {
	if p, ok := img.(*pulled); ok {
		return p.named, nil
	}
	return img.Digest()
}

// maxConfig bounds what is read into memory because somebody says so.
const maxConfig = 4 << 20

// pair sets config and manifest side by side: the manifest names each layer by
// the digest of what travels, the config by that of what is in it.
func (i *image) pair() error {
	for _, d := range i.parsed.Layers {
		if d.Size < 0 {
			return fmt.Errorf("layer %s has %d bytes: %w", d.Digest, d.Size, errContent)
		}
		if len(d.URLs) > 0 || !d.MediaType.IsDistributable() {
			return fmt.Errorf("layer %s is foreign (%s): it would be fetched from hosts that the image names", d.Digest, d.MediaType)
		}
	}
	if !i.parsed.Config.MediaType.IsConfig() {
		return nil // an artifact: its config means something else
	}
	var config v1.ConfigFile
	if err := json.Unmarshal(i.config, &config); err != nil {
		return fmt.Errorf("read config %s: %w", i.parsed.Config.Digest, err)
	}
	i.diffs = config.RootFS.DiffIDs
	if len(i.diffs) != len(i.parsed.Layers) {
		return fmt.Errorf("the manifest has %d layers, its config %d: %w", len(i.parsed.Layers), len(i.diffs), errContent)
	}
	return nil
}

// RawConfigFile implements partial.CompressedImageCore.
func (i *image) RawConfigFile() ([]byte, error) { return i.config, nil }

// MediaType implements partial.CompressedImageCore.
func (i *image) MediaType() (types.MediaType, error) { return i.mediaType, nil }

// RawManifest implements partial.CompressedImageCore.
func (i *image) RawManifest() ([]byte, error) { return i.raw, nil }

// LayerByDigest implements partial.CompressedImageCore.
func (i *image) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	if h == i.parsed.Config.Digest {
		return &layer{image: i, d: i.parsed.Config, diff: h}, nil
	}
	for n, d := range i.parsed.Layers {
		if d.Digest != h {
			continue
		}
		if i.diffs == nil {
			return &layer{image: i, d: d, diff: h}, nil
		}
		return &layer{image: i, d: d, diff: i.diffs[n]}, nil
	}
	return nil, fmt.Errorf("the image has no layer %s", h)
}

// layer is one that is fetched when it is read.
type layer struct {
	image *image
	d     v1.Descriptor
	diff  v1.Hash
}

// Digest implements partial.CompressedLayer.
func (l *layer) Digest() (v1.Hash, error) { return l.d.Digest, nil }

// DiffID spares partial from fetching the layer just to hash it.
func (l *layer) DiffID() (v1.Hash, error) { return l.diff, nil }

// Size implements partial.CompressedLayer.
func (l *layer) Size() (int64, error) { return l.d.Size, nil }

// MediaType implements partial.CompressedLayer.
func (l *layer) MediaType() (types.MediaType, error) { return l.d.MediaType, nil }

// Compressed implements partial.CompressedLayer.
func (l *layer) Compressed() (io.ReadCloser, error) {
	return l.image.session.blob(l.image.ctx, l.d), nil
}
