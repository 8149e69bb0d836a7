package daemon

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/sandbox"
	"drydock/07-daemon/shim"
)

// An execution is one more process in a container, from its creation until the
// container goes or, once it ended, until somebody creates another one some
// minutes later.
type execution struct {
	id      string
	box     *box
	request container.ExecCreateRequest
	keys    []byte // that detach

	mu      sync.Mutex // guards all below
	started bool
	pid     int
	code    *int
	ended   time.Time
	done    chan struct{} // closed when code is there
}

// keepExecs is how long the exit code of an exec can be asked for.
const keepExecs = 5 * time.Minute

// ExecCreate prepares a process in a running container.
func (d *Daemon) ExecCreate(ref string, r container.ExecCreateRequest) (string, error) {
	b, err := d.open(ref)
	if err != nil {
		return "", err
	}
	defer b.mu.Unlock()
	if err := b.running(); err != nil {
		return "", err
	}
	e := &execution{id: newID(), box: b, request: r, done: make(chan struct{})}
	if len(r.Cmd) == 0 {
		return "", invalid("No exec command specified")
	}
	if e.keys, err = detachKeys(r.DetachKeys); err != nil {
		return "", err
	}
	d.mu.Lock()
	for id, old := range d.execs {
		if old.stale() {
			delete(d.execs, id)
		}
	}
	d.execs[e.id] = e
	d.mu.Unlock()
	d.tellExec(e, "exec_create")
	return e.id, nil
}

func (e *execution) stale() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.ended.IsZero() && time.Since(e.ended) > keepExecs
}

func (d *Daemon) tellExec(e *execution, action string) {
	command := strings.Join(e.request.Cmd, " ")
	d.tell(e.box.record, events.Action(action+": "+command), "execID", e.id)
}

func (d *Daemon) findExec(id string) (*execution, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, ok := d.execs[id]
	if !ok {
		return nil, notFound("No such exec instance: %s", id)
	}
	return e, nil
}

// ExecTerminal says whether an exec that may be started has a terminal.
func (d *Daemon) ExecTerminal(id string) (bool, error) {
	e, err := d.findExec(id)
	if err != nil {
		return false, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.code != nil {
		return false, conflict("exec command %s has already run", id)
	}
	if e.started {
		return false, conflict("exec command %s is already running", id)
	}
	return e.request.Tty, nil
}

// ExecStart starts the process with its streams on conn, which it takes over;
// nil starts it detached. It returns when the program runs.
func (d *Daemon) ExecStart(ctx context.Context, id string, r container.ExecStartRequest, conn *os.File) error {
	if conn != nil {
		defer conn.Close()
	}
	if _, err := d.ExecTerminal(id); err != nil {
		return err
	}
	e, err := d.findExec(id)
	if err != nil {
		return err
	}
	b := e.box
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.running(); err != nil {
		return err
	}
	process, err := d.execProcess(b.record, e.request, r)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	d.tellExec(e, "exec_start")
	q := e.request
	e.pid, err = b.shim.Exec(conn, shim.Exec{ID: e.id, Process: process, Attach: shim.Attach{
		Stdin: q.AttachStdin, Stdout: q.AttachStdout, Stderr: q.AttachStderr, DetachKeys: e.keys,
	}})
	e.started = true
	if err != nil {
		code, err := execError(err)
		e.end(code)
		return err
	}
	s := b.shim
	d.watchers.Go(func() { d.watchExec(e, s) })
	return nil
}

// end writes down the exit code. mu is held.
func (e *execution) end(code int) {
	e.code, e.ended = &code, time.Now()
	close(e.done)
}

// watchExec waits for the end of an exec.
func (d *Daemon) watchExec(e *execution, s *shim.Shim) {
	exit, err := s.WaitExec(d.life, e.id)
	if d.life.Err() != nil {
		return
	}
	if err != nil { // it went with its container
		exit.Code = 137
	}
	e.mu.Lock()
	e.end(exit.Code)
	e.mu.Unlock()
	e.box.mu.Lock()
	defer e.box.mu.Unlock()
	d.tell(e.box.record, "exec_die", "execID", e.id, "exitCode", strconv.Itoa(exit.Code))
}

// execError puts the reason why an exec could not start into Docker's words.
func execError(cause error) (code int, err error) {
	code, _ = startError(&programError{cause})
	if code == 128 {
		code = 126
	}
	return code, invalid("OCI runtime exec failed: exec failed: unable to start container process: %s: unknown", cause)
}

// execProcess is what the sandbox shall run: as the container's own program,
// but for what the request says.
func (d *Daemon) execProcess(r *record, q container.ExecCreateRequest, start container.ExecStartRequest) (sandbox.Process, error) {
	filter, err := d.filter(r.HostConfig)
	if err != nil {
		return sandbox.Process{}, err
	}
	p, err := program(r, filter)
	if err != nil {
		return p, err
	}
	config := *r.Config
	config.Tty = q.Tty
	p.Args, p.Env, p.Terminal = q.Cmd, overlayEnv(environment(&config), q.Env), q.Tty
	if q.WorkingDir != "" {
		p.Dir = q.WorkingDir
	}
	if q.User != "" {
		p.User = q.User
	}
	if q.Privileged {
		p.Capabilities, p.Seccomp = capability.All(), nil
	}
	size := start.ConsoleSize
	if size == nil {
		size = q.ConsoleSize
	}
	p.Rows, p.Columns = 0, 0
	if size != nil {
		p.Rows, p.Columns = uint16(size[0]), uint16(size[1])
	}
	return p, nil
}

// ExecInspect says how an exec fares. A client asks right after its
// connection ended, and the shim knows the end before we do: so it is asked.
func (d *Daemon) ExecInspect(id string) (container.ExecInspectResponse, error) {
	e, err := d.findExec(id)
	if err != nil {
		return container.ExecInspectResponse{}, err
	}
	e.box.mu.Lock()
	s := e.box.shim
	e.box.mu.Unlock()
	e.mu.Lock()
	unsure := e.started && e.code == nil
	e.mu.Unlock()
	if unsure && (s == nil || over(s, id)) {
		select {
		case <-e.done:
		case <-d.life.Done():
		}
	}
	return e.inspect(), nil
}

// over says whether the shim knows of the end of an exec, or is gone itself.
func over(s *shim.Shim, id string) bool {
	status, err := s.ExecStatus(id)
	return err != nil || !status.Running
}

func (e *execution) inspect() container.ExecInspectResponse {
	e.mu.Lock()
	defer e.mu.Unlock()
	q := e.request
	return container.ExecInspectResponse{
		ID: e.id, Running: e.started && e.code == nil, ExitCode: e.code, Pid: e.pid,
		ProcessConfig: &container.ExecProcessConfig{
			Tty: q.Tty, Entrypoint: q.Cmd[0], Arguments: append([]string{}, q.Cmd[1:]...), User: q.User, Privileged: &q.Privileged,
		},
		OpenStdin: q.AttachStdin, OpenStdout: q.AttachStdout, OpenStderr: q.AttachStderr,
		ContainerID: e.box.id, DetachKeys: e.keys, CanRemove: e.code != nil,
	}
}

// ExecResize changes the size of the terminal of an exec.
func (d *Daemon) ExecResize(id string, rows, columns uint16) error {
	e, err := d.findExec(id)
	if err != nil {
		return err
	}
	e.box.mu.Lock()
	defer e.box.mu.Unlock()
	if err := e.box.running(); err != nil {
		return err
	}
	return e.box.shim.Resize(id, rows, columns)
}

// execIDs are those of a container, as inspect shows them.
func (d *Daemon) execIDs(b *box) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var ids []string
	for id, e := range d.execs {
		if e.box == b {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
