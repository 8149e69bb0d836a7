// Package engine assembles the chapters: one field a chapter, and nothing
// else. It holds no mechanism; what is more than wiring here is translation
// between the types that Docker's API, the image format and the chapters use
// for the same thing.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"drydock/01-namespaces/undo"
	"drydock/03-overlayfs/snapshot"
	"drydock/03-overlayfs/volume"
	"drydock/04-images/image"
	"drydock/05-registry/registry"
	"drydock/06-networking/bridge"
	"drydock/07-daemon/daemon"
	"drydock/07-daemon/event"
	"drydock/07-daemon/shim"
)

// Config says where an engine lives and how it behaves.
type Config struct {
	Root     string // images, snapshots, volumes, networks, containers
	ExecRoot string // what does not outlive the machine's power: sockets, pids
	Shim     string // path of the drydock-shim binary

	CgroupParent string // name of the group above all containers; "": "drydock"

	Bridge      string       // interface of the default network; "none": there is no such network
	BIP         netip.Prefix // its address and subnet; zero: a free one is found
	Insecure    []string     // registries that may speak plain HTTP
	Mirrors     []string     // of Docker Hub
	LiveRestore bool         // Close leaves the containers running
	Debug       bool
	Logger      *slog.Logger
}

// An Engine is the eight chapters at work together.
type Engine struct {
	Containers *daemon.Daemon
	Images     *image.Store
	Snapshots  *snapshot.Store
	Volumes    *volume.Store
	Registry   *registry.Client
	Networks   *bridge.Driver // nil with Bridge "none"
	Events     *event.Bus

	config Config
	id     string    // of this installation
	since  time.Time // when it was opened
}

// Open reads what is below Root, adopts the containers that run, and is ready.
// Close it.
func Open(c Config) (e *Engine, err error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	e = &Engine{Events: &event.Bus{}, config: c, since: time.Now()}
	var back undo.Stack
	defer back.If(&err)

	if e.id, err = installation(c.Root); err != nil {
		return nil, err
	}
	if e.Snapshots, err = snapshot.Open(filepath.Join(c.Root, "snapshots")); err != nil {
		return nil, fmt.Errorf("open snapshots: %w", err)
	}
	if e.Volumes, err = volume.Open(filepath.Join(c.Root, "volumes")); err != nil {
		return nil, fmt.Errorf("open volumes: %w", err)
	}
	if e.Images, err = image.Open(filepath.Join(c.Root, "images"), e.Snapshots); err != nil {
		return nil, fmt.Errorf("open images: %w", err)
	}
	if err = e.openBuilds(); err != nil {
		return nil, fmt.Errorf("open builds: %w", err)
	}
	e.Registry = &registry.Client{Insecure: c.Insecure, Mirrors: c.Mirrors, CertsDir: "/etc/docker/certs.d", UserAgent: "drydock/" + Version}
	if c.Bridge != "none" {
		at := bridge.Config{Dir: filepath.Join(c.Root, "networks"), Bridge: c.Bridge, BIP: c.BIP}
		if e.Networks, err = bridge.Open(at); err != nil {
			return nil, fmt.Errorf("open networks: %w", err)
		}
		back.Push(func() { e.Networks.Close() })
	}
	if e.Containers, err = e.openContainers(); err != nil {
		return nil, err
	}
	if err := e.settle(); err != nil {
		e.config.Logger.Warn("settle", "error", err) // a reason to complain, none to refuse
	}
	return e, nil
}

// openContainers wires chapter 7 to all others.
func (e *Engine) openContainers() (*daemon.Daemon, error) {
	binary, err := shim.Seal(e.config.Shim)
	if err != nil {
		return nil, fmt.Errorf("load the shim %s: %w", e.config.Shim, err)
	}
	return daemon.Open(daemon.Config{
		Root:        filepath.Join(e.config.Root, "containers"),
		ExecRoot:    filepath.Join(e.config.ExecRoot, "containers"),
		Shim:        binary,
		Images:      images{e.Images},
		Snapshots:   e.Snapshots,
		Volumes:     volumes{e.Volumes},
		Networks:    e.Networks,
		Events:      e.Events,
		LiveRestore: e.config.LiveRestore,
		CgroupRoot:  e.config.CgroupParent,
		Logger:      e.config.Logger,
	})
}

// Close stops the containers, unless LiveRestore, and takes back what was
// done to the machine. ctx bounds how long the containers may take.
func (e *Engine) Close(ctx context.Context) error {
	err := e.Containers.Close(ctx)
	if e.Networks != nil {
		err = errors.Join(err, e.Networks.Close())
	}
	return err
}

// installation makes Root and reads the identity that `docker info` shows,
// or makes one up the first time.
func installation(root string) (string, error) {
	if err := os.MkdirAll(root, 0o710); err != nil {
		return "", err
	}
	path := filepath.Join(root, "engine-id")
	if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
		return string(b), nil
	}
	id := newID()
	return id, os.WriteFile(path, []byte(id), 0o600)
}
