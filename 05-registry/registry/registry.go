// Package registry fetches images from, and posts them to, a registry. The
// protocol is the distribution specification: everything is a blob with a
// digest, a manifest is the list of an image's blobs, a tag is a name for a
// manifest. So nothing that comes over the wire has to be believed: what was
// asked for by digest is hashed while it is read.
package registry

import (
	"context"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"drydock/05-registry/auth"
)

// A Client speaks the distribution protocol. The zero Client is anonymous and
// wants TLS everywhere but on loopback. It is safe for concurrent use; its
// fields must not change after the first use.
type Client struct {
	Insecure []string // hosts, host:ports or CIDRs that may speak plain HTTP
	Mirrors  []string // base URLs tried first for Docker Hub
	CertsDir string   // HOST/{*.crt,*.cert,*.key} as in /etc/docker/certs.d; "" is none

	UserAgent string // "" is "drydock"
	Uploads   int    // layers that a push sends at a time; 0 is 5
	Chunk     int64  // bytes in one request of an upload; 0 sends a blob whole

	// Sources names repositories of host that may lend a layer to a push, so
	// that it is mounted there and not sent; nil knows none.
	Sources func(host string, layer v1.Hash) []string

	// Wait passes the time between two attempts; nil sleeps.
	Wait func(ctx context.Context, d time.Duration) error
}

// Credentials are what `docker login` keeps; zero is anonymous.
type Credentials = auth.Credentials

// Progress is told about each layer of a push in Docker's words: Preparing,
// Waiting, Layer already exists, Mounted from X, Pushing, Pushed. It is never
// called twice at a time.
type Progress func(id, status string, current, total int64)
