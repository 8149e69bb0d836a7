// Package container is the record of a container on disk: what its user asked
// for, and what became of it.
//
// The two have different worth. The wish (config.json) cannot be had back
// after a power cut, so it is synced before create answers; what became of it
// (state.json) changes at every start and exit, can be learned again from the
// shim, and must not make a start wait for a disk. Hence two files.
package container

import (
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"

	"drydock/01-namespaces/mount"
	"drydock/06-networking/bridge"
	"drydock/07-daemon/lifecycle"
)

// The wish is kept in Docker's own types, so that inspect answers with the
// very words of create. They are named here so that who uses both packages
// needs no second name for one of them.
type (
	// Config is what belongs to the container wherever it runs.
	Config = container.Config
	// HostConfig is what belongs to the machine: limits, binds, ports.
	HostConfig = container.HostConfig
	// MountPoint is one mount that a user sees.
	MountPoint = container.MountPoint
	// Health is the outcome of the last health checks.
	Health = container.Health
	// Endpoint is one network of a container, asked for and got.
	Endpoint = network.EndpointSettings
)

// A Record is all that is known of one container. It is plain data; whoever
// shares it guards it.
type Record struct {
	ID      string // 64 hex digits
	Name    string // without the slash that Docker's API puts before it
	Created time.Time
	// Path and Args are what runs: entrypoint and command, put together.
	Path string
	Args []string

	Config     *Config
	HostConfig *HostConfig
	// Networks are the networks that the user asked for, by name.
	Networks map[string]*Endpoint

	Image    string // id of the image's configuration: "sha256:…"
	Platform string // "linux"
	Mounts   []MountPoint
	// Anonymous are the volumes that came into being with the container and
	// go with `rm -v` and --rm.
	Anonymous []string
	// Driven are the mounts of those volumes that are no plain directory,
	// without their targets, by name: a tmpfs, a share of another machine.
	Driven map[string]mount.Mount `json:",omitempty"`

	LogPath, HostnamePath, HostsPath, ResolvConfPath string

	State State `json:"-"` // state.json
}

// A State is what became of a container so far.
type State struct {
	Status     lifecycle.Status
	Pid        int // of the first process; 0 unless it runs
	ExitCode   int
	OOMKilled  bool
	Error      string // why the last start went wrong
	StartedAt  time.Time
	FinishedAt time.Time
	// RestartCount counts what the restart policy did, not the user.
	RestartCount int
	// Stopped is set when a user stopped it: the restart policy keeps off.
	Stopped bool
	Health  *Health `json:",omitempty"`
	// Leases are what the networks gave it; Disconnect wants them back.
	Leases []bridge.Lease `json:",omitempty"`
}

// transient tells whether a user would miss the record after a power cut.
func (r *Record) transient() bool { return r.HostConfig != nil && r.HostConfig.AutoRemove }
