// Package shim is the monitor of one container: parent of its first process,
// keeper of its standard streams, log, control group and exit status. It
// outlives the daemon. Main is the process, Shim the daemon's handle to it.
//
// The conversation, all of it on unix sockets, each message a length and a value (see encode):
//
//	daemon                                   shim
//	  executes ─────────────────────────────►  reads descriptor 3
//	  bundle, descriptors to hold ──────────►  opens the group's doors, pipes;
//	                                           sandbox.Spawn; listens in Dir
//	  ◄───────────────────────────────── pid
//	  connects the network, attaches clients
//	  release ──────────────────────────────►  program starts
//	  ◄────────────────────────── ok, or why not
//	  …                                        copies, logs, serves Dir/socket
//	  ◄─────────────────────────────── status  program ended, streams drained
//	  ◄──────────────────────────── end of file  all is cleaned up
//
// If the daemon dies before the release, the end of file tells the shim to
// undo everything. After it, nobody is missed: the next daemon finds the
// socket or, later, exit.json.
package shim

import (
	"drydock/01-namespaces/sandbox"
	"drydock/02-cgroups/cgroup"
)

// A Bundle is all that a shim must know. It is plain data.
type Bundle struct {
	ID        string
	Dir       string // under the exec-root: socket and exit.json
	Spec      sandbox.Spec
	Tree      cgroup.Tree   // as the daemon detected it, so that no shim needs to
	Group     string        // name in Tree
	Limits    cgroup.Limits // the daemon creates, the shim opens and deletes
	Log       Log
	OpenStdin bool // keep stdin open for those who attach later
	StdinOnce bool // close it when the first of them goes
}

// Log says where the container's output is kept.
type Log struct {
	Driver   string // "json-file", "none"
	Path     string
	MaxSize  int64 // bytes of one file; 0: no rotation
	MaxFiles int
}

// An Attach says which streams a connection takes part in.
type Attach struct {
	Stdin, Stdout, Stderr bool
	DetachKeys            []byte // nil: Docker's ctrl-p ctrl-q
}

// An Exec is one more process in the container.
type Exec struct {
	ID      string
	Process sandbox.Process
	Attach  Attach
}

// A Status is what a shim knows of its container.
type Status struct {
	Pid       int
	Running   bool // released, and not ended
	OOMKilled bool
	Exit      sandbox.Exit
	Error     string
}
