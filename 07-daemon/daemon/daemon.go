// Package daemon is the life of containers: it creates, starts, watches and
// removes them, through one shim a container. What it needs from other
// chapters it declares here as small interfaces (Images, Snapshots, Volumes).
//
// Locks, each taken only while those before it may be held:
//
//	box.mu         one container: its record, its shim, who waits for it
//	Daemon.mu      the registers: ids, names, execs
//	execution.mu   one exec
package daemon

import (
	"context"
	"log/slog"
	"net/netip"

	"drydock/01-namespaces/mount"
	"drydock/06-networking/bridge"
	"drydock/07-daemon/event"
	"drydock/07-daemon/shim"
)

// Config says where a Daemon lives and whom it works with.
type Config struct {
	Root      string // records and logs of containers, a directory each
	ExecRoot  string // sockets of shims; may be lost with the machine's power
	Shim      *shim.Binary
	Images    Images
	Snapshots Snapshots
	Volumes   Volumes        // nil: named and anonymous volumes are refused
	Networks  *bridge.Driver // nil: only the networks "none" and "host"
	Events    *event.Bus     // nil: one of its own

	LiveRestore bool              // Close leaves the containers running
	LogDriver   string            // of containers that name none; empty is json-file
	LogOptions  map[string]string // and its options
	DNS         []netip.Addr      // name servers instead of the host's
	DNSSearch   []string
	DNSOptions  []string
	CgroupRoot  string // name of the group above all containers; empty is "drydock"
	Logger      *slog.Logger
}

// Images are where containers come from.
type Images interface {
	// Get finds an image by reference or id. When there is none, the error
	// is errdefs.ErrNotFound with Docker's sentence; no other error is.
	Get(ref string) (Image, error)
	// Unpack makes sure that the tree of image id is there and returns the
	// name of the snapshot to stand on.
	Unpack(ctx context.Context, id string) (string, error)
}

// Snapshots are the trees of containers. *snapshot.Store is one.
type Snapshots interface {
	Prepare(key, parent string) error
	Mount(key string) (mount.Mount, error)
	Upper(key string) (string, error)
	Remove(name string) error
}

// Volumes outlive containers.
type Volumes interface {
	// Use finds the volume, or makes it, and marks it as used by the
	// container; an empty Name asks for an anonymous one.
	Use(v Volume, container string) (Volume, error)
	// CopyUp fills an empty volume with the tree at from, the first time.
	CopyUp(name, from string) error
	// Release forgets every use by the container.
	Release(container string) ([]string, error)
	Remove(name string) error
}

// A Volume is a directory with a name, or something to mount that has one.
type Volume struct {
	Name string
	Path string // on the host
	// Mount says how a container gets what Options ask for; without a Type it
	// is a bind mount of Path. Its Target is filled in here.
	Mount     mount.Mount
	Anonymous bool
	Labels    map[string]string
	Driver    string
	Options   map[string]string
}
