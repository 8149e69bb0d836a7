package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// An index is what is known about images. It is a value: whoever changes it
// works on a clone, which takes the place of the old one once it is on disk.
type index struct {
	images map[v1.Hash]*record // by id; records never change
	names  map[string]v1.Hash  // normal references, with tag or digest
}

// A record is an image and what we remember about it.
type record struct {
	*content
	sizes  []int64 // of each layer, unpacked
	tagged time.Time
}

// Annotations of index.json. The first two are what other tools look names
// up by, in the full form; ours keep what the layout has no place for.
const (
	refName        = "org.opencontainers.image.ref.name"
	containerdName = "io.containerd.image.name"
	sizesNote      = "drydock.layer.sizes"
	taggedNote     = "drydock.tagged"
	sourceNote     = "drydock.source" // digest of the manifest in Docker's words
)

var emptyIndex = []byte(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`)

func (x index) clone() index {
	return index{maps.Clone(x.images), maps.Clone(x.names)}
}

// tag points name at an image and notes the time.
func (x index) tag(id v1.Hash, name string) {
	r := *x.images[id]
	r.tagged = time.Now()
	x.images[id] = &r
	x.names[name] = id
}

// namesOf are the names of an image, in order.
func (x index) namesOf(id v1.Hash) []string {
	var names []string
	for name, to := range x.names {
		if to == id {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// update changes the index: fn works on a clone, and only when that is on
// the disk does it become the truth.
func (s *Store) update(fn func(next index) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.index.clone()
	if err := fn(next); err != nil {
		return err
	}
	if err := s.writeIndex(next); err != nil {
		return fmt.Errorf("write the index of images: %w", err)
	}
	s.index = next
	return nil
}

// writeIndex replaces index.json: one entry a name, and one for an image
// that has none.
func (s *Store) writeIndex(x index) error {
	file := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	for _, id := range slices.SortedFunc(maps.Keys(x.images), func(a, b v1.Hash) int { return strings.Compare(a.Hex, b.Hex) }) {
		names := x.namesOf(id)
		if len(names) == 0 {
			names = []string{""}
		}
		for _, name := range names {
			file.Manifests = append(file.Manifests, x.images[id].descriptor(name))
		}
	}
	b, err := json.MarshalIndent(file, "", "  ")
	if err != nil {
		return err
	}
	return replace(filepath.Join(s.dir, "index.json"), b)
}

// descriptor is the entry of index.json for one name.
func (r *record) descriptor(name string) v1.Descriptor {
	var sizes []string
	for _, size := range r.sizes {
		sizes = append(sizes, strconv.FormatInt(size, 10))
	}
	d := r.content.descriptor()
	notes := map[string]string{
		sizesNote:  strings.Join(sizes, ","),
		taggedNote: r.tagged.Format(time.RFC3339Nano),
	}
	maps.Copy(notes, d.Annotations)
	d.Annotations = notes
	if name != "" {
		d.Annotations[refName], d.Annotations[containerdName] = name, name
	}
	return d
}

// readIndex reads index.json and the manifests and configs that it names.
func (s *Store) readIndex() (index, error) {
	x := index{map[v1.Hash]*record{}, map[string]v1.Hash{}}
	b, err := os.ReadFile(filepath.Join(s.dir, "index.json"))
	if err != nil {
		return x, err
	}
	var file v1.IndexManifest
	if err := json.Unmarshal(b, &file); err != nil {
		return x, fmt.Errorf("read %s: %w", filepath.Join(s.dir, "index.json"), err)
	}
	for _, d := range file.Manifests {
		c, err := s.content(d)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotImage) {
			continue // another tool's, or its blobs are gone: not ours to run
		}
		if err != nil {
			return x, err
		}
		x.images[c.id] = recall(c, d.Annotations)
		if name, err := normal(d.Annotations[containerdName]); err == nil {
			x.names[name] = c.id
		} else if name, err := normal(d.Annotations[refName]); err == nil {
			x.names[name] = c.id
		}
	}
	return x, nil
}

// recall makes a record of what the annotations say.
func recall(c *content, notes map[string]string) *record {
	r := &record{content: c, sizes: make([]int64, len(c.manifest.Layers))}
	r.tagged, _ = time.Parse(time.RFC3339Nano, notes[taggedNote])
	for i, text := range strings.Split(notes[sizesNote], ",") {
		if i < len(r.sizes) {
			r.sizes[i], _ = strconv.ParseInt(text, 10, 64)
		}
	}
	return r
}

// writeNew writes a file unless it is there.
func writeNew(path string, b []byte) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return replace(path, b)
}

// replace puts a whole file in the place of another, so that a reader and a
// power cut see the old one or the new one. It is written in tmp/, which is
// swept after a crash. See rename(2), fsync(2).
func replace(path string, b []byte) (err error) {
	f, err := os.CreateTemp(filepath.Join(filepath.Dir(path), "tmp"), "json-*")
	if err != nil {
		return err
	}
	defer func() {
		f.Close()
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(b); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
