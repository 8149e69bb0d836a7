package engine

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/containerd/errdefs"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"drydock/04-images/image"
	"drydock/04-images/layer"
	"drydock/07-daemon/daemon"
	"drydock/08-dockerfile/builder"
)

// A Pull fetches a base image.
type Pull = func(ctx context.Context, ref string, platform v1.Platform) (*image.Image, error)

// Build unpacks a context, packed or not, and builds it. Its commands run in
// containers of their own.
func (e *Engine) Build(ctx context.Context, archive io.Reader, o builder.Options, pull Pull) (*image.Image, error) {
	dir, err := os.MkdirTemp(e.builds(), "context-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the context: %w", err)
	}
	defer os.RemoveAll(dir)
	if o.Context, err = os.Open(dir); err != nil {
		return nil, err
	}
	defer o.Context.Close()
	if err := unpack(o.Context, archive); err != nil {
		return nil, err
	}
	b := builder.Builder{Images: e.Images, Snapshots: e.Snapshots, Runner: commands{e.Containers}, Pull: pull}
	img, err := b.Build(ctx, o)
	return img, Classify(err)
}

// builds is where contexts live while they are needed.
func (e *Engine) builds() string { return filepath.Join(e.config.Root, "builds") }

// openBuilds takes away what builds have left that a crash has ended.
func (e *Engine) openBuilds() error {
	if err := os.RemoveAll(e.builds()); err != nil {
		return err
	}
	if err := os.Mkdir(e.builds(), 0o700); err != nil {
		return err
	}
	b := builder.Builder{Snapshots: e.Snapshots}
	return b.Sweep()
}

// unpack lays a context out in dir. It is a stranger's, and wants no devices.
func unpack(dir *os.File, archive io.Reader) error {
	plain, _, err := layer.Decompress(archive)
	if err != nil {
		return errdefs.ErrInvalidArgument.WithMessage("the context is no archive: " + err.Error())
	}
	defer plain.Close()
	_, err = layer.Apply(dir, plain, layer.Options{Edit: func(h *tar.Header) error {
		if h.Typeflag == tar.TypeChar || h.Typeflag == tar.TypeBlock {
			return errdefs.ErrInvalidArgument.WithMessage("the context holds a device, " + h.Name)
		}
		return nil
	}})
	var ours syscall.Errno
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ours), errors.Is(err, context.Canceled), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("unpack the context: %w", err)
	}
	return errdefs.ErrInvalidArgument.WithMessage("unpack the context: " + err.Error())
}

// commands runs the steps of chapter 8 in containers of chapter 7.
type commands struct{ *daemon.Daemon }

// Run implements builder.Runner.
func (c commands) Run(ctx context.Context, s builder.Step) error {
	err := c.RunStep(ctx, daemon.Step{
		Key: s.Key, Args: s.Args, Env: s.Env, Dir: s.Dir, User: s.User,
		Network: s.Network, ShmSize: s.ShmSize, Output: s.Output,
	})
	if exit := new(daemon.ExitError); errors.As(err, &exit) {
		return &builder.ExitError{Code: exit.Code}
	}
	return err
}

// ImportConfig applies Dockerfile instructions to an empty config.
func ImportConfig(changes []string) (v1.Config, error) {
	config, err := builder.Change(v1.Config{}, changes)
	return config, Classify(err)
}
