package image

import (
	"context"
	"fmt"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Put stores an image under names (may be none) and unpacks it: layers
// stream blob → verify → unpack at once; the names are written last. A name
// may be "repo@digest": the digest by which a registry knows the image.
// Whatever goes wrong, nothing is left behind that was not there before.
func (s *Store) Put(ctx context.Context, img v1.Image, progress Progress, names ...string) (*Image, error) {
	refs, err := normals(names)
	if err != nil {
		return nil, err
	}
	c, err := read(img)
	if err != nil {
		return nil, err
	}
	release := s.pin(c.everything())
	defer release()
	sizes, err := s.bring(ctx, c, img, orderly(progress))
	if err != nil {
		return nil, err
	}
	return s.keep(c, sizes, refs)
}

// Unpack makes sure that the image's tree is there and returns the name of
// its top snapshot (a chain ID, "" for no layers).
func (s *Store) Unpack(ctx context.Context, img *Image) (string, error) {
	top := img.content.top()
	if top == "" || s.snapshots.Has(top) {
		return top, nil
	}
	release := s.pin(img.content.everything())
	defer release()
	_, err := s.bring(ctx, img.content, img.Image, quiet)
	return top, err
}

func normals(names []string) ([]string, error) {
	var refs []string
	for _, name := range names {
		ref, err := normal(name)
		if err != nil {
			return nil, err
		}
		refs = append(refs, ref)
	}
	return refs, nil
}

// keep writes config, manifest and, last of all, the names. What has a name
// must survive a power cut, its trees too; an image without one may be lost.
func (s *Store) keep(c *content, sizes []int64, names []string) (*Image, error) {
	for _, raw := range [][]byte{c.rawConfig, c.rawManifest, c.twin} {
		if raw == nil {
			continue
		}
		if _, err := s.blobs.Put(raw); err != nil {
			return nil, fmt.Errorf("store image %s: %w", c.id, err)
		}
	}
	if len(names) > 0 {
		if err := s.snapshots.Sync(); err != nil {
			return nil, fmt.Errorf("store the trees of image %s: %w", c.id, err)
		}
	}
	var img *Image
	err := s.update(func(next index) error {
		if _, ok := next.images[c.id]; !ok {
			next.images[c.id] = &record{content: c, sizes: sizes, tagged: time.Now()}
		}
		for _, name := range names {
			next.tag(c.id, name)
		}
		img = s.image(next, c.id)
		return nil
	})
	return img, err
}

// atOnce is how many layers are fetched and laid out side by side. Docker
// takes three.
const atOnce = 4

// A job brings the layers of one image.
type job struct {
	*Store
	*content
	source   v1.Image
	progress Progress
	gate     chan struct{}   // holds a token a layer that is moving data
	done     []chan struct{} // closed when the layer's tree is committed
	sizes    []int64
}

// bring fetches and unpacks what is missing of an image. Every layer has a
// goroutine; data moves in atOnce of them, the others wait for their parents
// without holding anything that a parent needs.
func (s *Store) bring(ctx context.Context, c *content, source v1.Image, progress Progress) ([]int64, error) {
	n := len(c.manifest.Layers)
	j := &job{
		Store: s, content: c, source: source, progress: progress,
		gate: make(chan struct{}, atOnce), done: make([]chan struct{}, n), sizes: make([]int64, n),
	}
	for i, l := range c.manifest.Layers {
		j.done[i] = make(chan struct{})
		if !s.present(c, i) {
			progress(short(l.Digest), "Pulling fs layer", 0, l.Size)
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var layers sync.WaitGroup
	for i := range c.manifest.Layers {
		layers.Go(func() {
			if err := j.layer(ctx, i); err != nil {
				cancel(fmt.Errorf("layer %s: %w", c.manifest.Layers[i].Digest, err))
				return
			}
			close(j.done[i])
		})
	}
	layers.Wait()
	return j.sizes, context.Cause(ctx)
}

// present says whether a layer is here, as bytes and as a tree.
func (s *Store) present(c *content, i int) bool {
	return s.snapshots.Has(c.chains[i].String()) && s.blobs.Has(c.manifest.Layers[i].Digest)
}

// layer brings one layer. Two jobs never make the same tree at once: the
// second waits and then finds it there.
func (j *job) layer(ctx context.Context, i int) error {
	leave, err := j.alone(ctx, j.chains[i])
	if err != nil {
		return err
	}
	defer leave()
	desc := j.manifest.Layers[i]
	if j.present(j.content, i) {
		j.sizes[i], err = j.known(j.content, i)
		j.progress(short(desc.Digest), "Already exists", 0, 0)
		return err
	}
	select {
	case j.gate <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	staged, err := j.stage(ctx, i)
	<-j.gate
	if err != nil {
		return err
	}
	defer staged.drop()
	if i > 0 {
		select {
		case <-j.done[i-1]:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err := staged.commit(ctx); err != nil {
		return err
	}
	j.progress(short(desc.Digest), "Pull complete", 0, 0)
	return nil
}

// alone waits until nobody else makes the tree and then takes it.
func (s *Store) alone(ctx context.Context, chain v1.Hash) (leave func(), err error) {
	for {
		s.mu.Lock()
		other, ok := s.busy[chain]
		if !ok {
			s.busy[chain] = make(chan struct{})
			s.mu.Unlock()
			return func() { s.leave(chain) }, nil
		}
		s.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// known is the size of a layer that is here: some image remembers it, or the
// tree is measured.
func (s *Store) known(c *content, i int) (int64, error) {
	s.mu.Lock()
	now := s.index
	s.mu.Unlock()
	for _, r := range now.images {
		for k, chain := range r.chains {
			if chain == c.chains[i] {
				return r.sizes[k], nil
			}
		}
	}
	return s.snapshots.Usage(c.chains[i].String())
}
