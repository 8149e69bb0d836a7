package engine

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/container"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/namespace"
	"drydock/03-overlayfs/overlay"
	"drydock/04-images/image"
	"drydock/04-images/layer"
	"drydock/08-dockerfile/builder"
)

// Changes lists what a container has changed of its image.
func (e *Engine) Changes(ref string) ([]container.FilesystemChange, error) {
	c, err := e.Containers.Inspect(ref, false)
	if err != nil {
		return nil, err
	}
	upper, err := e.Snapshots.Upper(c.ID)
	if err != nil {
		return nil, err
	}
	lower, err := e.Snapshots.Layers(c.ID)
	if err != nil {
		return nil, err
	}
	kinds := map[overlay.Kind]container.ChangeType{
		overlay.Modified: container.ChangeModify, overlay.Added: container.ChangeAdd, overlay.Deleted: container.ChangeDelete,
	}
	list := []container.FilesystemChange{}
	for change, err := range overlay.Changes(upper, lower...) {
		if err != nil {
			return nil, err
		}
		list = append(list, container.FilesystemChange{Kind: kinds[change.Kind], Path: change.Path})
	}
	return list, nil
}

// Export writes the whole tree of a container as a tar.
func (e *Engine) Export(ref string) (func(io.Writer) error, error) {
	root, err := e.tree(ref)
	if err != nil {
		return nil, err
	}
	return func(w io.Writer) error {
		defer root.Close()
		return layer.Pack(w, root, "/", ".")
	}, nil
}

// tree opens the file system of a container, without what is mounted in it.
// That of a program which runs is copied out of its own mount namespace, since
// nobody else may look at an overlay's directories then. See open_tree(2).
func (e *Engine) tree(ref string) (*os.File, error) {
	c, err := e.Containers.Inspect(ref, false)
	if err != nil {
		return nil, err
	}
	if c.State.Pid == 0 {
		return e.Snapshots.View(c.ID)
	}
	fd := -1
	err = namespace.Do(namespace.Path(c.State.Pid, namespace.Mount), func() (err error) {
		fd, err = unix.OpenTree(unix.AT_FDCWD, "/", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open the file system of container %s: %w", c.ID, err)
	}
	return os.NewFile(uintptr(fd), c.ID), nil
}

// A Commit says how a container becomes an image.
type Commit struct {
	Container       string
	Name            string // of the image; empty: none
	Comment, Author string
	Changes         []string // Dockerfile instructions
	Pause           bool     // the container stands still meanwhile
}

// Commit makes an image of what a container has changed.
func (e *Engine) Commit(ctx context.Context, o Commit) (*image.Image, error) {
	c, err := e.Containers.Inspect(o.Container, false)
	if err != nil {
		return nil, err
	}
	if o.Name != "" {
		if _, err := reference.ParseNormalizedNamed(o.Name); err != nil {
			return nil, errdefs.ErrInvalidArgument.WithMessage(err.Error())
		}
	}
	config, err := builder.Change(imageConfig(c.Config), o.Changes)
	if err != nil {
		return nil, Classify(err)
	}
	parent, err := e.Images.Get(c.Image)
	if err != nil {
		return nil, fmt.Errorf("the image of container %s: %w", c.ID, err)
	}
	base, err := parent.ConfigFile()
	if err != nil {
		return nil, err
	}
	if o.Pause && c.State.Running && !c.State.Paused {
		if err := e.Containers.Pause(c.ID); err != nil {
			return nil, err
		}
		defer e.Containers.Unpause(c.ID)
	}
	now := v1.Time{Time: time.Now().UTC()}
	step := image.Step{
		Parent: parent, Key: c.ID, Keep: true,
		Config:  v1.ConfigFile{Architecture: base.Architecture, OS: base.OS, Variant: base.Variant, Created: now, Author: o.Author, Config: config},
		History: v1.History{Created: now, Author: o.Author, Comment: o.Comment, CreatedBy: strings.Join(append([]string{c.Path}, c.Args...), " ")},
	}
	if o.Name != "" {
		step.Names = []string{o.Name}
	}
	return e.Images.Append(ctx, step)
}
