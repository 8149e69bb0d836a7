// Package sandbox starts a process in namespaces, with a root file system and
// powers of its own: a container, for short a box.
//
// Linux has no call that makes a container. It has clone3(2), which gives a
// child new namespaces, and some 150 ordinary calls of forty kinds, by which
// that child builds its world and gives up its powers. Which calls, with what
// arguments and in what order is plain data here:
//
//	Spec ── Calls ──► the list ── Spawn ──► a child walks it, up to a gate
//	                                          (from outside: a network, id maps)
//	                              Release ─► the gate opens; …, execve(2)
//	                              Wait ────► its exit status
//
// The child is a bare copy of whoever spawns it, with one thread and without a
// Go runtime that works, so it runs nothing but the walker (walker.go). Enter
// starts one more process in a box that runs, by the same means.
//
// See namespaces(7), pivot_root(2), capabilities(7).
package sandbox

import (
	"os"
	"time"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/seccomp"
)

// A Spec says what the world of a process looks like. It is plain data and
// survives JSON.
type Spec struct {
	// Root becomes "/". It is a mount, not a directory: a bind mount in
	// chapter 1, an overlay from chapter 3 on, made inside the new mount
	// namespace, so that the kernel takes it away with the container. Its
	// Target is ignored.
	Root mount.Mount
	// ReadOnly makes "/" read-only once everything is in place.
	ReadOnly bool
	// Mounts are made below Root in this order; targets are created.
	Mounts []mount.Mount
	// New are the namespaces to create.
	New namespace.Kind
	// Join are files of existing namespaces (/proc/PID/ns/net) to enter.
	Join []string
	// UIDs and GIDs map ids when New has User; empty: root inside is we.
	UIDs, GIDs []IDMap
	// Hostname and Domainname are set when New has UTS.
	Hostname, Domainname string
	// Masked are covered (files by /dev/null, directories by an empty
	// read-only tmpfs), ReadonlyPaths are remounted read-only.
	Masked, ReadonlyPaths []string
	// Devices are made in /dev, beside the standard six, which always are.
	Devices []Device
	// Sysctls of the new namespaces, by dotted name.
	Sysctls map[string]string

	Process Process
}

// A Process says what to execute, and as whom.
type Process struct {
	// Args[0] is looked up in PATH of Env, inside the container.
	Args, Env []string
	// Dir is the working directory, made if missing; empty is "/".
	Dir string
	// User is "user", "user:group", by name or number, as the files of the
	// container name them; empty is root.
	User string
	// Groups are additional groups, by name or number.
	Groups []string
	// Capabilities are left to root; for another user they only bound.
	Capabilities capability.Set
	// Seccomp is installed right before the program starts; nil is none.
	Seccomp         seccomp.Program
	Rlimits         []Rlimit
	NoNewPrivileges bool
	OOMScore        *int
	// Terminal gives the process a pty as its console and its three standard
	// descriptors; the other end is (*Sandbox).Terminal.
	Terminal bool
	// Rows and Columns are the first size of the terminal.
	Rows, Columns uint16
	// Group are the doors by which the child enters its control groups by
	// itself: `tasks` files of v1 hierarchies open for writing, and at most
	// one directory of a v2 hierarchy.
	Group []*os.File `json:"-"`
}

// An IDMap is one line of /proc/PID/uid_map. See user_namespaces(7).
type IDMap struct{ Inside, Outside, Count uint32 }

// A Device is a node in /dev.
type Device struct {
	Path         string // absolute, inside
	Type         string // "c" or "b"
	Major, Minor uint32
	Mode         uint32
	UID, GID     uint32
}

// A Rlimit is one limit of setrlimit(2), by the number RLIMIT_….
type Rlimit struct {
	Type       int
	Soft, Hard uint64
}

// Stdio are the standard descriptors of the new process; nil is /dev/null.
// They are not closed.
type Stdio struct{ In, Out, Err *os.File }

// An Exit says how a process ended.
type Exit struct {
	Code   int         // exit status, or 128+Signal
	Signal unix.Signal // 0 if it exited by itself
	Core   bool        // it dumped core
	At     time.Time
}
