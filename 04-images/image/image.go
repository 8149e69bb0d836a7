// Package image is the store of images: references → images → trees.
//
// On disk it is an OCI image layout at every moment: other tools can read it
// while we run. index.json is the only truth about names; it is replaced as a
// whole, after everything that it mentions is on the disk. The trees, one a
// layer, named by chain ID, belong to chapter 3; they can be lost and are then
// made again from the blobs.
//
//	oci-layout  index.json  blobs/sha256/…      the layout
//	tmp/                                        half-written blobs
//
// Whatever is on its way (a pull, a load, a build) pins its digests, so that
// collecting garbage beside it never takes them away. One mutex guards the
// index, the pins and the list of trees in the making; it is never held while
// data moves.
package image

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"drydock/03-overlayfs/snapshot"
	"drydock/04-images/blob"
)

// An Image is one image of the store.
type Image struct {
	v1.Image          // manifest, config, layers: the currency of chapters 4, 5 and 8
	ID       v1.Hash  // digest of the config, what clients call the image id
	Names    []string // familiar references that point at it: "busybox:latest"
	Digests  []string // familiar "repo@sha256:…"
	Size     int64    // bytes of all layers, unpacked
	Platform v1.Platform
	Tagged   time.Time

	content *content
	sizes   []int64 // of each layer, unpacked
}

// Chains are the names of the image's layers in the store of snapshots, bottom
// first. Images that share a layer, and all below it, share the name.
func (i *Image) Chains() []v1.Hash { return slices.Clone(i.content.chains) }

// A Store is a directory that is a valid OCI image layout at every moment.
// It is safe for concurrent use.
type Store struct {
	// Limit is how many bytes a layer may unpack to; 0 is
	// layer.DefaultLimit. Set it before the store is used.
	Limit int64

	dir       string
	blobs     *blob.Store
	snapshots *snapshot.Store

	mu    sync.Mutex
	index index                     // replaced as a whole, never changed
	pins  map[claim]int             // blobs and chain IDs of running jobs
	busy  map[v1.Hash]chan struct{} // chain IDs in the making, closed when done
}

// Open reads the store in dir, or makes an empty one. Trees go to snapshots.
func Open(dir string, snapshots *snapshot.Store) (*Store, error) {
	blobs, err := blob.Open(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{
		dir: dir, blobs: blobs, snapshots: snapshots,
		pins: map[claim]int{}, busy: map[v1.Hash]chan struct{}{},
	}
	if err := s.begin(); err != nil {
		blobs.Close()
		return nil, err
	}
	return s, nil
}

// begin makes the files of a layout if they are missing and reads the index.
func (s *Store) begin() error {
	if err := writeNew(filepath.Join(s.dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return err
	}
	if err := writeNew(filepath.Join(s.dir, "index.json"), emptyIndex); err != nil {
		return err
	}
	next, err := s.readIndex()
	s.index = next
	if err != nil {
		return err
	}
	for _, key := range s.snapshots.Names(false) {
		if strings.HasPrefix(key, staging) {
			if err := s.snapshots.Remove(key); err != nil {
				return err
			}
		}
	}
	return nil
}

// staging begins the keys of trees in the making; what Open finds of them
// was left by a crash.
const staging = "unpack-"

// Close gives the store up. Images taken from it stay readable.
func (s *Store) Close() error { return s.blobs.Close() }

// Get finds an image by reference, id, or unique prefix of an id. The error
// is Docker's sentence ("No such image: x:latest") and fs.ErrNotExist.
func (s *Store) Get(ref string) (*Image, error) {
	s.mu.Lock()
	now := s.index
	s.mu.Unlock()
	id, err := now.find(ref)
	if err != nil {
		return nil, err
	}
	return s.image(now, id), nil
}

// List returns every image, newest first.
func (s *Store) List() ([]*Image, error) {
	s.mu.Lock()
	now := s.index
	s.mu.Unlock()
	var all []*Image
	for id := range maps.Keys(now.images) {
		all = append(all, s.image(now, id))
	}
	slices.SortFunc(all, func(a, b *Image) int {
		return cmp.Or(
			b.content.config.Created.Compare(a.content.config.Created.Time),
			strings.Compare(a.ID.Hex, b.ID.Hex))
	})
	return all, nil
}

// image is what callers see of a record.
func (s *Store) image(now index, id v1.Hash) *Image {
	r := now.images[id]
	img := &Image{
		Image: r.content.image(s.blobs), ID: id, Tagged: r.tagged,
		content: r.content, sizes: r.sizes,
		Platform: v1.Platform{
			OS: r.config.OS, Architecture: r.config.Architecture,
			Variant: r.config.Variant, OSVersion: r.config.OSVersion,
		},
	}
	for _, size := range r.sizes {
		img.Size += size
	}
	for _, name := range now.namesOf(id) {
		if isDigest(name) {
			img.Digests = append(img.Digests, familiar(name))
		} else {
			img.Names = append(img.Names, familiar(name))
		}
	}
	return img
}

// Tag gives an image one more name.
func (s *Store) Tag(source, target string) error {
	name, err := normal(target)
	if err != nil {
		return err
	}
	if isDigest(name) {
		return invalid("refusing to create a tag with a digest reference")
	}
	return s.update(func(next index) error {
		id, err := next.find(source)
		if err != nil {
			return err
		}
		next.tag(id, name)
		return nil
	})
}
