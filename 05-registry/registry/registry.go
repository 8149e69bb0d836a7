// Package registry fetches images from, and posts them to, a registry.
package registry

import (
	"context"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// A Client speaks the distribution protocol. The zero Client is anonymous and
// wants TLS everywhere but on loopback. It is safe for concurrent use.
type Client struct {
	Insecure []string // hosts, host:ports or CIDRs that may speak plain HTTP
	Mirrors  []string // base URLs tried first for Docker Hub
}

// Credentials are what `docker login` keeps; zero is anonymous.
type Credentials struct{ Username, Password, IdentityToken, RegistryToken string }

// A Reference is a normalised name: registry host, repository, tag or digest.
type Reference struct{ Host, Repository, Tag, Digest string }

// Pull answers a lazy image: layers are fetched, resumed and verified while
// they are read.
func (c *Client) Pull(ctx context.Context, ref Reference, platform v1.Platform, cred Credentials) (v1.Image, error) {
	panic("seam")
}

// Progress is told about each layer of a push in Docker's words.
type Progress func(id, status string, current, total int64)

// Push uploads what the registry lacks, then the manifest; it returns the
// manifest's digest and size.
func (c *Client) Push(ctx context.Context, ref Reference, img v1.Image, cred Credentials, progress Progress) (v1.Descriptor, error) {
	panic("seam")
}
