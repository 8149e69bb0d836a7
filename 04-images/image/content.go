package image

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"drydock/04-images/blob"
)

// maxJSON bounds manifests, configs and indexes, which are read whole.
const maxJSON = 4 << 20

// errNotImage is the cause when a manifest describes something else.
var errNotImage = errors.New("not the manifest of an image")

// content is what an image says about itself, checked.
type content struct {
	rawManifest, rawConfig []byte
	manifest               v1.Manifest
	config                 v1.ConfigFile
	mediaType              types.MediaType
	digest                 v1.Hash   // of the manifest
	id                     v1.Hash   // of the config
	chains                 []v1.Hash // name of each layer on its parents, bottom first
	// twin is the manifest once more in OCI's words, if it came in Docker's:
	// a layout that is to be read by others lists OCI manifests only.
	twin []byte
}

// read takes an image's own words and checks them against each other.
func read(img v1.Image) (*content, error) {
	raw, err := img.RawManifest()
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	config, err := img.RawConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read config: %w", err)
	}
	kind, err := img.MediaType()
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	want, err := img.Digest()
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	c, err := parse(kind, raw, config)
	if err == nil && c.digest != want {
		return nil, fmt.Errorf("manifest %s turns out to be %s: %w", want, c.digest, blob.ErrDigest)
	}
	return c, err
}

// content reads the image that a descriptor of our own layout names.
func (s *Store) content(d v1.Descriptor) (*content, error) {
	if h, err := v1.NewHash(d.Annotations[sourceNote]); err == nil {
		d.Digest, d.MediaType = h, types.DockerManifestSchema2
	}
	if !d.MediaType.IsImage() {
		return nil, errNotImage
	}
	raw, err := s.blobs.Read(d.Digest, maxJSON)
	if err != nil {
		return nil, err
	}
	m, err := parseManifest(raw)
	if err != nil {
		return nil, err
	}
	config, err := s.blobs.Read(m.Config.Digest, maxJSON)
	if err != nil {
		return nil, err
	}
	return parse(d.MediaType, raw, config)
}

// parseManifest reads a manifest. One that is an index as well would be
// understood differently by different tools and is refused.
func parseManifest(raw []byte) (v1.Manifest, error) {
	if len(raw) > maxJSON {
		return v1.Manifest{}, fmt.Errorf("the manifest has %d bytes, more than %d", len(raw), maxJSON)
	}
	var m struct {
		v1.Manifest
		Manifests json.RawMessage `json:"manifests"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return v1.Manifest{}, fmt.Errorf("read manifest: %w", err)
	}
	if m.SchemaVersion != 2 || m.Manifests != nil || m.Config.Digest.Hex == "" {
		return v1.Manifest{}, errNotImage
	}
	return m.Manifest, nil
}

// parse checks manifest and config and works out the chain IDs.
func parse(kind types.MediaType, raw, config []byte) (*content, error) {
	if !kind.IsImage() {
		return nil, fmt.Errorf("manifests of type %s are not supported: %w", kind, errNotImage)
	}
	m, err := parseManifest(raw)
	if err != nil {
		return nil, err
	}
	c := &content{
		rawManifest: raw, rawConfig: config, manifest: m, mediaType: kind,
		digest: hashOf(raw), id: m.Config.Digest,
	}
	if len(config) > maxJSON {
		return nil, fmt.Errorf("the config has %d bytes, more than %d", len(config), maxJSON)
	}
	if got := hashOf(config); got != c.id || int64(len(config)) != m.Config.Size {
		return nil, fmt.Errorf("config %s turns out to be %s of %d bytes: %w", c.id, got, len(config), blob.ErrDigest)
	}
	if err := json.Unmarshal(config, &c.config); err != nil {
		return nil, fmt.Errorf("read config %s: %w", c.id, err)
	}
	if kind == types.DockerManifestSchema2 {
		if c.twin, err = translate(m); err != nil {
			return nil, err
		}
	}
	return c, c.check()
}

// translate says in OCI's words what a manifest says in Docker's. Blobs and
// config are the same, and so is the image's id.
func translate(m v1.Manifest) ([]byte, error) {
	m.MediaType, m.Config.MediaType = types.OCIManifestSchema1, types.OCIConfigJSON
	m.Layers = slices.Clone(m.Layers)
	for i := range m.Layers {
		m.Layers[i].MediaType = modern(m.Layers[i].MediaType)
	}
	return json.Marshal(m)
}

// modern is the OCI name of a layer's media type; the bytes are the same.
func modern(t types.MediaType) types.MediaType {
	switch t {
	case types.DockerLayer:
		return types.OCILayer
	case types.DockerUncompressedLayer:
		return types.OCIUncompressedLayer
	}
	return t
}

// check compares the layers that manifest and config speak of.
func (c *content) check() error {
	diffs := c.config.RootFS.DiffIDs
	if len(diffs) != len(c.manifest.Layers) {
		return fmt.Errorf("invalid manifest: %d layers, but the config has %d diff IDs", len(c.manifest.Layers), len(diffs))
	}
	for i, l := range c.manifest.Layers {
		if !l.MediaType.IsDistributable() {
			return fmt.Errorf("layer %s is a foreign layer, which is not supported", l.Digest)
		}
		if _, err := v1.NewHash(l.Digest.String()); err != nil || l.Size < 0 || diffs[i].Algorithm != "sha256" {
			return fmt.Errorf("layer %d of the manifest has an invalid digest or size", i)
		}
	}
	c.chains = chains(diffs)
	return nil
}

// chains names each layer together with everything below it: the same diff on
// other parents is another tree. See the image specification, config.md.
func chains(diffs []v1.Hash) []v1.Hash {
	out := make([]v1.Hash, len(diffs))
	for i, diff := range diffs {
		out[i] = diff
		if i > 0 {
			out[i] = hashOf([]byte(out[i-1].String() + " " + diff.String()))
		}
	}
	return out
}

// top is the name of the whole tree, "" without layers.
func (c *content) top() string {
	if len(c.chains) == 0 {
		return ""
	}
	return c.chains[len(c.chains)-1].String()
}

// everything is all digests that must stay while the image does, and its
// chain IDs, lowest first.
func (c *content) everything() (blobs, trees []v1.Hash) {
	blobs = []v1.Hash{c.digest, c.id}
	for _, l := range c.manifest.Layers {
		blobs = append(blobs, l.Digest)
	}
	if c.twin != nil {
		blobs = append(blobs, hashOf(c.twin))
	}
	return blobs, c.chains
}

// descriptor is how an OCI layout lists the image.
func (c *content) descriptor() v1.Descriptor {
	if c.twin != nil {
		return v1.Descriptor{
			MediaType: types.OCIManifestSchema1, Digest: hashOf(c.twin), Size: int64(len(c.twin)),
			Annotations: map[string]string{sourceNote: c.digest.String()},
		}
	}
	return v1.Descriptor{MediaType: c.mediaType, Digest: c.digest, Size: int64(len(c.rawManifest))}
}

func hashOf(b []byte) v1.Hash {
	sum := sha256.Sum256(b)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}

// image is the content as the currency; layers come from the blobs.
func (c *content) image(blobs *blob.Store) v1.Image {
	img, _ := partial.CompressedToImage(stored{c, blobs}) // it has no error to return
	return img
}

// stored is what go-containerregistry needs to know of an image; the rest it
// works out.
type stored struct {
	*content
	blobs *blob.Store
}

// MediaType implements partial.CompressedImageCore.
func (s stored) MediaType() (types.MediaType, error) { return s.mediaType, nil }

// RawManifest implements partial.CompressedImageCore.
func (s stored) RawManifest() ([]byte, error) { return s.rawManifest, nil }

// RawConfigFile implements partial.CompressedImageCore.
func (s stored) RawConfigFile() ([]byte, error) { return s.rawConfig, nil }

// LayerByDigest implements partial.CompressedImageCore.
func (s stored) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	if h == s.id {
		return storedLayer{s.blobs, s.manifest.Config, v1.Hash{}}, nil
	}
	for i, l := range s.manifest.Layers {
		if l.Digest == h {
			return storedLayer{s.blobs, l, s.config.RootFS.DiffIDs[i]}, nil
		}
	}
	return nil, notFound(fmt.Sprintf("the image has no layer %s", h))
}

// A storedLayer is one layer in the blobs.
type storedLayer struct {
	blobs *blob.Store
	desc  v1.Descriptor
	diff  v1.Hash
}

// Digest implements partial.CompressedLayer.
func (l storedLayer) Digest() (v1.Hash, error) { return l.desc.Digest, nil }

// DiffID spares go-containerregistry from unpacking the layer to learn it.
func (l storedLayer) DiffID() (v1.Hash, error) {
	if l.diff.Hex == "" {
		return l.desc.Digest, nil // the config is no layer; its bytes are plain
	}
	return l.diff, nil
}

// Size implements partial.CompressedLayer.
func (l storedLayer) Size() (int64, error) { return l.desc.Size, nil }

// MediaType implements partial.CompressedLayer.
func (l storedLayer) MediaType() (types.MediaType, error) { return l.desc.MediaType, nil }

// Compressed implements partial.CompressedLayer.
func (l storedLayer) Compressed() (io.ReadCloser, error) { return l.blobs.Verified(l.desc.Digest) }

// Descriptor keeps annotations and platform of the layer.
func (l storedLayer) Descriptor() (*v1.Descriptor, error) { d := l.desc; return &d, nil }
