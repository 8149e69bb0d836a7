package daemon

import (
	"io"
	"time"

	"github.com/moby/moby/api/types/container"

	"drydock/07-daemon/filter"
)

// An Image is what a container takes from one.
type Image struct {
	ID     string // "sha256:…"
	Config *container.Config
}

// StopOptions say how to ask a container to end, and for how long to wait
// before it is killed. Nil and zero mean what the container was created with.
type StopOptions struct {
	Signal  string
	Timeout *int // seconds; -1 waits for ever
}

// RemoveOptions are those of `docker rm`.
type RemoveOptions struct {
	Force   bool // kill it if it runs
	Volumes bool // and remove its anonymous volumes
}

// ListOptions are those of `docker ps`.
type ListOptions struct {
	All     bool // stopped ones too
	Limit   int  // the newest n, running or not
	Size    bool
	Filters filter.Args
}

// LogOptions are those of `docker logs`.
type LogOptions struct {
	Stdout, Stderr     bool
	Follow, Timestamps bool
	Details            bool
	Since, Until       time.Time
	Tail               int // last lines; -1 is all
}

// AttachOptions say which streams a client takes part in.
type AttachOptions struct {
	Logs                          bool // what was written so far, first
	Stream, Stdin, Stdout, Stderr bool
	DetachKeys                    string
	// Greet, if it is set, is called once before anything is written to the
	// client, with the container held: it cannot start in between.
	Greet func() error
}

// Counts are how many containers there are, by state.
type Counts struct{ All, Running, Paused, Stopped int }

// A Step is one command of a build.
type Step struct {
	Key       string // the active snapshot that it changes
	Args, Env []string
	Dir, User string
	Network   string // "", "default", "bridge", "none", "host" or a name
	ShmSize   int64
	Output    io.Writer // both streams, as they come
}
