// Package image is the store of images: references, images, trees.
package image

import (
	"context"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"drydock/03-overlayfs/snapshot"
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
}

// A Store is a directory that is a valid OCI image layout at every moment.
// It is safe for concurrent use.
type Store struct{}

// Open reads the store in dir, or makes an empty one. Trees go to snapshots.
func Open(dir string, snapshots *snapshot.Store) (*Store, error) { panic("seam") }

// Get finds an image by reference, id, or unique prefix of an id. The error
// is Docker's sentence ("No such image: x:latest") and fs.ErrNotExist.
func (s *Store) Get(ref string) (*Image, error) { panic("seam") }

// List returns every image, newest first.
func (s *Store) List() ([]*Image, error) { panic("seam") }

// Progress is told about a layer's way: status in Docker's words
// ("Downloading", "Extracting", "Pull complete"), bytes so far and in all.
type Progress func(id, status string, current, total int64)

// Put stores an image under names (may be none) and unpacks it: layers
// stream blob → verify → unpack at once; the names are written last.
func (s *Store) Put(ctx context.Context, img v1.Image, progress Progress, names ...string) (*Image, error) {
	panic("seam")
}

// Unpack makes sure that the image's tree is there and returns the name of
// its top snapshot (a chain ID, "" for no layers).
func (s *Store) Unpack(ctx context.Context, img *Image) (string, error) { panic("seam") }

// Tag gives an image one more name.
func (s *Store) Tag(source, target string) error { panic("seam") }

// A Removal is one line of `docker rmi`.
type Removal struct{ Untagged, Deleted string }

// Remove takes a name away, and the image with its last name. used tells the
// containers that use an image id; force ignores stopped ones.
func (s *Store) Remove(ref string, force bool, used func(id string) []string) ([]Removal, error) {
	panic("seam")
}

// Load reads the archives of `docker save` and of OCI layouts (tar, gzipped
// or not) and returns the images with the names found in them.
func (s *Store) Load(ctx context.Context, r io.Reader, progress Progress) ([]*Image, error) {
	panic("seam")
}

// Save writes images in a form that is both Docker's and an OCI layout.
func (s *Store) Save(ctx context.Context, w io.Writer, refs ...string) error { panic("seam") }

// Import makes an image of one layer from a tar of a file system.
func (s *Store) Import(ctx context.Context, r io.Reader, config v1.Config, message string, name string) (*Image, error) {
	panic("seam")
}
