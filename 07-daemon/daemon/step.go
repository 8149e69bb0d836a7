package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/moby/moby/api/types/container"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/undo"
	"drydock/07-daemon/shim"
	"drydock/07-daemon/stdio"
)

// RunStep runs one command of a build in a container of its own: with a
// group, a network and the defaults of any other, but without a record or a
// name. It returns when the command has ended and nothing of it is left but
// what it wrote into the snapshot. A failing command is an *ExitError.
func (d *Daemon) RunStep(ctx context.Context, s Step) error {
	r, err := d.stepRecord(s)
	if err != nil {
		return err
	}
	err = os.MkdirAll(d.config.ExecRoot, 0o711) // nothing else has run yet, perhaps
	var scratch string
	if err == nil {
		scratch, err = os.MkdirTemp(d.config.ExecRoot, "step-")
	}
	if err != nil {
		return fmt.Errorf("make a directory for a build step: %w", err)
	}
	defer os.RemoveAll(scratch)
	r.HostnamePath, r.HostsPath, r.ResolvConfPath = scratch+"/hostname", scratch+"/hosts", scratch+"/resolv.conf"
	status, err := d.runStep(ctx, r, s)
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if status.Exit.Code != 0 {
		return &ExitError{Code: status.Exit.Code}
	}
	return nil
}

// stepRecord is the record of a container that is never saved.
func (d *Daemon) stepRecord(s Step) (*record, error) {
	if len(s.Args) == 0 {
		return nil, invalid("no command specified")
	}
	c := &container.Config{Env: s.Env, User: s.User, WorkingDir: s.Dir, Cmd: s.Args}
	h := &container.HostConfig{NetworkMode: container.NetworkMode(s.Network), ShmSize: s.ShmSize}
	h.LogConfig.Type = "none"
	d.normalize(h)
	r := &record{ID: newID(), Path: s.Args[0], Args: s.Args[1:], Config: c, HostConfig: h}
	c.Hostname = d.defaultHostname(r)
	var err error
	r.Networks, err = d.wantedNetworks(h, nil)
	return r, err
}

// runStep is launch and watch in one, for a container that nobody else knows.
func (d *Daemon) runStep(ctx context.Context, r *record, step Step) (status shim.Status, err error) {
	var way undo.Stack
	defer func() { way.Run() }()
	bundle, err := d.stepBundle(r, step.Key)
	if err != nil {
		return status, err
	}
	group, err := d.group(bundle.Group, r.HostConfig)
	if err != nil {
		return status, err
	}
	way.Push(func() { err = errors.Join(err, group.Delete(), os.RemoveAll(bundle.Dir)) })
	s, err := d.config.Shim.Start(bundle, nil)
	if err != nil {
		return status, err
	}
	way.Push(func() { s.Kill(); <-s.Gone() }) // it kills nothing that has ended
	leases, err := d.connect(r, s.Pid(), nil)
	if err != nil {
		return status, err
	}
	way.Push(func() { d.disconnect(r, leases) })
	if err := overwrite(r.HostsPath, hostsFile(r, leases)); err != nil {
		return status, err
	}
	return perform(ctx, s, step.Output)
}

// perform lets the command of a step run and copies its output until it ends.
// When ctx ends first, the command is killed.
func perform(ctx context.Context, s *shim.Shim, output io.Writer) (shim.Status, error) {
	finish, err := copyOutput(s, output)
	if err != nil {
		return shim.Status{}, err
	}
	if err := s.Release(); err != nil {
		finish() // there is nothing to copy
		_, err = startError(&programError{err})
		return shim.Status{}, err
	}
	stop := context.AfterFunc(ctx, func() { s.Signal(unix.SIGKILL) })
	defer stop()
	status, err := s.Wait(context.Background())
	return status, errors.Join(err, finish())
}

// stepBundle is the bundle of a step: its root is the builder's snapshot.
func (d *Daemon) stepBundle(r *record, key string) (shim.Bundle, error) {
	if err := d.writeFiles(r); err != nil {
		return shim.Bundle{}, err
	}
	root, err := d.config.Snapshots.Mount(key)
	if err != nil {
		return shim.Bundle{}, err
	}
	filter, err := d.filter(r.HostConfig)
	if err != nil {
		return shim.Bundle{}, err
	}
	spec, err := assemble(r, world{root: root, files: fileMounts(r), filter: filter, unified: d.tree.Version == 2})
	if err != nil {
		return shim.Bundle{}, err
	}
	return shim.Bundle{
		ID: r.ID, Dir: d.shimDir(r.ID), Spec: spec, Tree: d.tree, Group: d.groupName(r),
		Limits: limits(&r.HostConfig.Resources), Log: shim.Log{Driver: "none"},
	}, nil
}

// copyOutput attaches to both streams and copies them to w until the program
// ends. The answer waits for the end of the copy.
func copyOutput(s *shim.Shim, w io.Writer) (finish func() error, err error) {
	if w == nil {
		w = io.Discard
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("make a pair of sockets: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "output"), os.NewFile(uintptr(pair[1]), "output")
	defer theirs.Close()
	if _, err := s.Attach(theirs, shim.Attach{Stdout: true, Stderr: true}); err != nil {
		ours.Close()
		return nil, err
	}
	var wg sync.WaitGroup
	var failure error
	wg.Go(func() {
		defer ours.Close()
		failure = stdio.Split(w, w, ours)
	})
	return func() error { wg.Wait(); return failure }, nil
}
