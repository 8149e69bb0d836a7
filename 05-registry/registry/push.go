package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"

	"drydock/05-registry/auth"
)

// Push uploads what the registry lacks, then the manifest, byte for byte as it
// is; it returns the manifest's digest and size. A reader of the registry sees
// the whole image or the one before: the manifest comes last.
func (c *Client) Push(ctx context.Context, ref Reference, img v1.Image, cred Credentials, progress Progress) (v1.Descriptor, error) {
	if ref.Digest != "" {
		return v1.Descriptor{}, errors.New("cannot push a digest reference")
	}
	p := &push{ref: ref, progress: progress}
	if err := p.plan(c, img); err != nil {
		return v1.Descriptor{}, err
	}
	var err error
	p.session, err = c.open(ctx, ref, &auth.Transport{Credentials: cred, Scopes: p.scopes})
	if err != nil {
		return v1.Descriptor{}, err
	}
	if err := p.sendLayers(ctx, c.Uploads); err != nil {
		return v1.Descriptor{}, err
	}
	config, err := partial.ConfigLayer(img)
	if err != nil {
		return v1.Descriptor{}, err
	}
	if _, err := p.session.put(ctx, config, nil, func(int64) {}); err != nil {
		return v1.Descriptor{}, err
	}
	return p.session.putManifest(ctx, ref.Tag, img)
}

// A push is one Push under way.
type push struct {
	ref     Reference
	session *session
	parcels []parcel
	scopes  []string

	mu       sync.Mutex // progress is called under it
	progress Progress
}

// A parcel is one layer to send.
type parcel struct {
	v1.Layer
	id      string // as Docker shows it: the start of the diff id
	size    int64
	sources []string
}

// plan lists the layers, each once, and what the token must allow: writing
// here, and reading where layers may be borrowed.
func (p *push) plan(c *Client, img v1.Image) error {
	layers, err := img.Layers()
	if err != nil {
		return err
	}
	p.scopes = []string{p.ref.scope("pull,push")}
	seen := map[string]bool{p.ref.Repository: true}
	for _, layer := range layers {
		parcel, digest, err := pack(layer)
		if err != nil {
			return err
		}
		if seen[digest.String()] {
			continue
		}
		seen[digest.String()] = true
		if c.Sources != nil {
			parcel.sources = c.Sources(p.ref.Host, digest)
		}
		for _, from := range parcel.sources {
			if !seen[from] {
				p.scopes = append(p.scopes, Reference{Repository: from}.scope("pull"))
			}
			seen[from] = true
		}
		p.parcels = append(p.parcels, parcel)
		p.report(parcel.id, "Preparing", 0, 0)
	}
	return nil
}

func pack(layer v1.Layer) (parcel, v1.Hash, error) {
	digest, err := layer.Digest()
	if err != nil {
		return parcel{}, digest, err
	}
	diff, err := layer.DiffID()
	if err != nil {
		return parcel{}, digest, err
	}
	size, err := layer.Size()
	return parcel{Layer: layer, id: diff.Hex[:12], size: size}, digest, err
}

func (p *push) report(id, status string, current, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.progress != nil {
		p.progress(id, status, current, total)
	}
}

// sendLayers sends the layers, some at a time. The first error ends all.
func (p *push) sendLayers(ctx context.Context, atOnce int) error {
	if atOnce == 0 {
		atOnce = 5
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	door := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, parcel := range p.parcels {
		if i >= atOnce {
			p.report(parcel.id, "Waiting", 0, 0)
		}
		all.Go(func() {
			door <- struct{}{}
			defer func() { <-door }()
			if ctx.Err() != nil {
				return
			}
			if err := p.sendLayer(ctx, parcel); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

func (p *push) sendLayer(ctx context.Context, layer parcel) error {
	how, err := p.session.put(ctx, layer, layer.sources, func(n int64) {
		p.report(layer.id, "Pushing", n, layer.size)
	})
	if err != nil {
		return err
	}
	p.report(layer.id, how, 0, 0)
	return nil
}

// putManifest sends the manifest and checks that it kept its digest.
func (s *session) putManifest(ctx context.Context, tag string, img v1.Image) (v1.Descriptor, error) {
	d, err := partial.Descriptor(img)
	if err != nil {
		return v1.Descriptor{}, err
	}
	raw, err := img.RawManifest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	req, err := http.NewRequestWithContext(ctx, "PUT", s.path("manifests", tag), bytes.NewReader(raw))
	if err != nil {
		return v1.Descriptor{}, err
	}
	req.Header.Set("Content-Type", string(d.MediaType))
	resp, err := s.do(req)
	if err != nil {
		return v1.Descriptor{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return v1.Descriptor{}, refusal(resp)
	}
	if got := resp.Header.Get("Docker-Content-Digest"); got != "" && got != d.Digest.String() {
		return v1.Descriptor{}, fmt.Errorf("the registry stored the manifest %s as %s: %w", d.Digest, got, errContent)
	}
	return v1.Descriptor{MediaType: d.MediaType, Digest: d.Digest, Size: d.Size}, nil
}
