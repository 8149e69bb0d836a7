package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"drydock/05-registry/auth"
	"drydock/05-registry/wire"
)

// Pull answers a lazy image: layers are fetched, resumed and verified while
// they are read. Manifest and config are here already, and what they promise
// is what the layers are held to. ctx also ends the layers' streams.
//
// An index is followed to the image for platform; the zero platform is ours.
func (c *Client) Pull(ctx context.Context, ref Reference, platform v1.Platform, cred Credentials) (v1.Image, error) {
	mirrors, err := c.mirrors(ref.Host)
	if err != nil {
		return nil, err
	}
	for _, mirror := range mirrors {
		if s, err := c.connect(ctx, mirror, ref, &auth.Transport{}); err == nil {
			if img, err := s.pull(ctx, ref, platform); err == nil {
				return img, nil
			}
		} // whatever it was: the registry itself has the last word
	}
	s, err := c.open(ctx, ref, &auth.Transport{Credentials: cred, Scopes: []string{ref.scope("pull")}})
	if err != nil {
		return nil, explain(err, ref)
	}
	img, err := s.pull(ctx, ref, platform)
	return img, explain(err, ref)
}

func (s *session) pull(ctx context.Context, ref Reference, p v1.Platform) (v1.Image, error) {
	m, err := s.find(ctx, ref.target(), p)
	if err != nil {
		return nil, err
	}
	return s.image(ctx, m)
}

// errContent is the cause when a registry's bytes are not what was promised.
var errContent = errors.New("the registry's answer is not what was promised")

// A sentence is an error in Docker's words with a kind to decide by.
type sentence struct {
	text        string
	kind, cause error
}

func (e *sentence) Error() string   { return e.text }
func (e *sentence) Unwrap() []error { return []error{e.kind, e.cause} }

// explain turns a registry's refusal into the sentence that Docker prints.
func explain(err error, ref Reference) error {
	var no *wire.Error
	if !errors.As(err, &no) {
		return err
	}
	switch no.Code {
	case wire.Denied:
		return &sentence{fmt.Sprintf("pull access denied for %s, repository does not exist or may require 'docker login': %v",
			ref.Name(), no), fs.ErrNotExist, err}
	case wire.ManifestUnknown:
		return &sentence{fmt.Sprintf("manifest for %s not found: %v", ref.Familiar(), no), fs.ErrNotExist, err}
	case wire.NameUnknown:
		return &sentence{fmt.Sprintf("repository %s not found: %v", ref.Name(), no), fs.ErrNotExist, err}
	}
	return err
}
