// Package shim is the monitor of one container: parent of its first process,
// keeper of its standard streams, log, control group and exit status. It
// outlives the daemon. Main is the process, Shim the daemon's handle to it.
package shim

import (
	"context"
	"os"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/sandbox"
	"drydock/02-cgroups/cgroup"
)

// A Bundle is all that a shim must know. It is plain data and survives JSON.
type Bundle struct {
	ID        string
	Dir       string // under the exec-root: socket and exit.json
	Spec      sandbox.Spec
	Group     string        // name in cgroup.Detect()'s tree
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

// A Binary starts shims from a sealed memfd, so that no container can
// overwrite the program through /proc/PID/exe (CVE-2019-5736).
type Binary struct{}

// Seal loads the program at path into a sealed memfd. memfd_create(2).
func Seal(path string) (*Binary, error) { panic("seam") }

// A Shim is the daemon's handle. It is safe for concurrent use.
type Shim struct{}

// Start executes a shim and lets it Spawn; it returns once the child exists
// and has its namespaces. hold are kept open as long as the container lives
// (published host ports).
func (b *Binary) Start(bundle Bundle, hold []*os.File) (*Shim, error) { panic("seam") }

// Connect finds the shim that serves dir, after a daemon's restart.
func Connect(dir string) (*Shim, error) { panic("seam") }

// Pid is the container's first process.
func (s *Shim) Pid() int { panic("seam") }

// Release lets the program start, or says why it cannot.
func (s *Shim) Release() error { panic("seam") }

// Kill ends a container that was spawned but not released, and its shim.
func (s *Shim) Kill() error { panic("seam") }

// Signal sends a signal to the first process.
func (s *Shim) Signal(sig unix.Signal) error { panic("seam") }

// Resize changes the terminal of the container, or of one exec.
func (s *Shim) Resize(exec string, rows, columns uint16) error { panic("seam") }

// Attach hands conn (a socket) to the shim, which writes raw bytes (terminal)
// or frames of 8 bytes header (no terminal) to it and closes it at the end.
// The returned channel is closed when the shim let go of conn.
func (s *Shim) Attach(conn *os.File, a Attach) (<-chan struct{}, error) { panic("seam") }

// Exec starts one more process, its streams on conn (nil: none). It returns
// its pid when the program runs.
func (s *Shim) Exec(conn *os.File, e Exec) (int, error) { panic("seam") }

// WaitExec waits for the end of an exec.
func (s *Shim) WaitExec(ctx context.Context, id string) (sandbox.Exit, error) { panic("seam") }

// Status asks for the state.
func (s *Shim) Status() (Status, error) { panic("seam") }

// Wait waits for the end of the container: streams drained, log written.
func (s *Shim) Wait(ctx context.Context) (Status, error) { panic("seam") }

// Exited reads dir/exit.json, what a shim left that ended while no daemon
// looked; fs.ErrNotExist if it left nothing.
func Exited(dir string) (Status, error) { panic("seam") }

// Main is the whole program drydock-shim.
func Main() int { panic("seam") }
