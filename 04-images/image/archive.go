package image

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"drydock/04-images/layer"
)

// A found is one image of an archive.
type found struct {
	content *content
	names   []string
}

// images reads the lists of an archive. An OCI layout keeps the manifests,
// and with them the digests, so it is preferred; Docker's list may know more
// names.
func (m *members) images() ([]*found, error) {
	all, err := m.layout()
	if err != nil {
		return nil, err
	}
	var entries []dockerEntry
	if _, err := m.json("manifest.json", &entries); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		all, err = m.docker(entries)
	} else {
		m.moreNames(all, entries)
	}
	if err == nil && len(all) == 0 {
		err = invalid("the archive holds no image: no manifest.json or index.json lists one")
	}
	return all, err
}

// moreNames adds Docker's names to the images of a layout.
func (m *members) moreNames(all []*found, entries []dockerEntry) {
	for _, e := range entries {
		id, err := m.find(e.Config)
		for _, f := range all {
			if err == nil && f.content.id == id {
				f.names = append(f.names, e.RepoTags...)
			}
		}
	}
}

// docker makes images of Docker's list, which has configs and layers but no
// manifests.
func (m *members) docker(entries []dockerEntry) ([]*found, error) {
	var all []*found
	for _, e := range entries {
		c, err := m.compose(e)
		if err != nil {
			return nil, fmt.Errorf("manifest.json: %w", err)
		}
		all = append(all, &found{c, e.RepoTags})
	}
	return all, nil
}

// compose writes the manifest that the archive lacks.
func (m *members) compose(e dockerEntry) (*content, error) {
	h, err := m.find(e.Config)
	if err != nil {
		return nil, err
	}
	config, err := m.store.blobs.Read(h, maxJSON)
	if err != nil {
		return nil, err
	}
	var layers []v1.Descriptor
	for _, name := range e.Layers {
		d, err := m.layer(name)
		if err != nil {
			return nil, err
		}
		layers = append(layers, d)
	}
	return composeRaw(config, layers)
}

// layer describes a member that is a layer; its first bytes say how it is
// packed.
func (m *members) layer(name string) (v1.Descriptor, error) {
	h, err := m.find(name)
	if err != nil {
		return v1.Descriptor{}, err
	}
	f, err := m.store.blobs.Open(h)
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return v1.Descriptor{}, err
	}
	head := make([]byte, 8)
	if _, err := io.ReadFull(f, head); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && err != io.EOF {
		return v1.Descriptor{}, err
	}
	kinds := map[layer.Compression]types.MediaType{
		layer.Plain: types.OCIUncompressedLayer, layer.Gzip: types.OCILayer, layer.Zstd: types.OCILayerZStd,
	}
	kind, ok := kinds[layer.Detect(head)]
	if !ok {
		return v1.Descriptor{}, fmt.Errorf("layer %q is packed with %s, which no manifest can say", name, layer.Detect(head))
	}
	return v1.Descriptor{MediaType: kind, Digest: h, Size: info.Size()}, nil
}

// layout reads the images of an OCI layout.
func (m *members) layout() ([]*found, error) {
	var index v1.IndexManifest
	if ok, err := m.json("index.json", &index); !ok || err != nil {
		return nil, err
	}
	var all []*found
	for _, d := range index.Manifests {
		c, err := m.follow(d, 0)
		if errors.Is(err, errNotImage) {
			continue // an artifact that came along
		}
		if err != nil {
			return nil, fmt.Errorf("index.json: %w", err)
		}
		all = append(all, &found{c, nameOf(d)})
	}
	return all, nil
}

// nameOf is the name in a descriptor's annotations, if it is a whole one;
// many tools write the bare tag.
func nameOf(d v1.Descriptor) []string {
	if name := d.Annotations[containerdName]; name != "" {
		return []string{name}
	}
	if name := d.Annotations[refName]; strings.ContainsAny(name, ":/") {
		return []string{name}
	}
	return nil
}

// maxDepth is how many indexes may lead to an image. Digests make circles
// impossible, but not towers.
const maxDepth = 4

// follow finds the image for this machine behind a descriptor.
func (m *members) follow(d v1.Descriptor, depth int) (*content, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("more than %d indexes inside each other", maxDepth)
	}
	if _, ok := m.files[member(d.Digest)]; !ok {
		return nil, fmt.Errorf("the archive has no %q", member(d.Digest))
	}
	if !d.MediaType.IsIndex() {
		c, err := m.store.content(d)
		if err != nil {
			return nil, err
		}
		return c, m.complete(c)
	}
	var index v1.IndexManifest
	if _, err := m.json(member(d.Digest), &index); err != nil {
		return nil, err
	}
	for _, next := range index.Manifests {
		if runs(next.Platform) {
			return m.follow(next, depth+1)
		}
	}
	return nil, invalid(fmt.Sprintf("no image for %s/%s in index %s", runtime.GOOS, runtime.GOARCH, d.Digest))
}

// runs says whether a platform is ours; one that is not told is taken.
func runs(p *v1.Platform) bool {
	return p == nil || p.OS == runtime.GOOS && p.Architecture == runtime.GOARCH
}

// complete says whether all layers came along.
func (m *members) complete(c *content) error {
	for _, l := range c.manifest.Layers {
		if _, ok := m.files[member(l.Digest)]; !ok && !m.store.blobs.Has(l.Digest) {
			return fmt.Errorf("the archive has no layer %s", l.Digest)
		}
	}
	return nil
}
