package image

import (
	"archive/tar"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// A dockerEntry is one image in the manifest.json of `docker save`.
type dockerEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// Save writes images in a form that is both Docker's and an OCI layout. The
// blobs go out as they are, compressed: nothing is packed anew. The indexes
// come first, so that a reader knows what to expect.
func (s *Store) Save(ctx context.Context, w io.Writer, refs ...string) error {
	a := &archive{tar: tar.NewWriter(writer{ctx, w}), store: s, written: map[v1.Hash]bool{}}
	for _, ref := range refs {
		if err := a.add(ref); err != nil {
			return err
		}
	}
	for _, c := range a.contents {
		release := s.pin(c.everything())
		defer release()
	}
	if err := a.write(); err != nil {
		return err
	}
	return a.tar.Close()
}

// An archive is what Save writes.
type archive struct {
	tar      *tar.Writer
	store    *Store
	contents []*content
	names    [][]string // of each content, as asked for
	written  map[v1.Hash]bool
}

// add notes an image and, if ref is a name and not an id, that name.
func (a *archive) add(ref string) error {
	img, err := a.store.Get(ref)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(a.contents, func(c *content) bool { return c.id == img.ID })
	if i < 0 {
		i = len(a.contents)
		a.contents, a.names = append(a.contents, img.content), append(a.names, nil)
	}
	name, err := normal(ref)
	if err == nil && slices.Contains(img.Names, familiar(name)) && !slices.Contains(a.names[i], name) {
		a.names[i] = append(a.names[i], name)
	}
	return nil
}

func (a *archive) write() error {
	index, docker := a.indexes()
	files := []struct {
		name  string
		value any
	}{
		{"oci-layout", map[string]string{"imageLayoutVersion": "1.0.0"}},
		{"index.json", index},
		{"manifest.json", docker},
	}
	for _, f := range files {
		b, err := json.Marshal(f.value)
		if err != nil {
			return err
		}
		if err := a.file(f.name, int64(len(b)), strings.NewReader(string(b))); err != nil {
			return err
		}
	}
	for _, c := range a.contents {
		if err := a.blobs(c); err != nil {
			return err
		}
	}
	return nil
}

// indexes are the OCI layout's and Docker's list of the same images.
func (a *archive) indexes() (v1.IndexManifest, []dockerEntry) {
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	docker := []dockerEntry{}
	for i, c := range a.contents {
		entry := dockerEntry{Config: member(c.id), RepoTags: []string{}, Layers: []string{}}
		for _, l := range c.manifest.Layers {
			entry.Layers = append(entry.Layers, member(l.Digest))
		}
		for _, name := range a.names[i] {
			entry.RepoTags = append(entry.RepoTags, familiar(name))
			d := c.descriptor()
			_, tag, _ := strings.Cut(strings.TrimPrefix(name, repository(name)), ":")
			notes := map[string]string{containerdName: name, refName: tag}
			maps.Copy(notes, d.Annotations)
			d.Annotations = notes
			index.Manifests = append(index.Manifests, d)
		}
		if len(a.names[i]) == 0 {
			index.Manifests = append(index.Manifests, c.descriptor())
		}
		docker = append(docker, entry)
	}
	return index, docker
}

// member is the name of a blob in a layout.
func member(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

// blobs writes what one image needs and others did not bring already.
func (a *archive) blobs(c *content) error {
	all, _ := c.everything()
	for _, h := range all {
		if a.written[h] {
			continue
		}
		a.written[h] = true
		if err := a.blob(h); err != nil {
			return fmt.Errorf("save %s: %w", h, err)
		}
	}
	return nil
}

func (a *archive) blob(h v1.Hash) error {
	size, err := a.store.blobs.Stat(h)
	if err != nil {
		return err
	}
	f, err := a.store.blobs.Open(h)
	if err != nil {
		return err
	}
	defer f.Close()
	return a.file(member(h), size, f)
}

// file writes one member. Times are zero: the same images give the same
// bytes.
func (a *archive) file(name string, size int64, r io.Reader) error {
	err := a.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: time.Unix(0, 0)})
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{a.tar}, struct{ io.Reader }{r}, make([]byte, 512<<10))
	return err
}
