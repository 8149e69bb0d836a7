// Build makes an image of a Dockerfile, with chapters 1, 3 and 4 alone: no
// daemon, no network. Base images come from cmd/image of chapter 4.
//
//	build [-root DIR] [-t NAME] [CONTEXT]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandbox"
	"drydock/03-overlayfs/snapshot"
	"drydock/04-images/image"
	"drydock/08-dockerfile/builder"
)

func main() {
	root := flag.String("root", "/var/tmp/image", "where images and trees are kept")
	name := flag.String("t", "built", "name of the image")
	flag.Parse()
	if err := run(*root, *name, filepath.Clean(flag.Arg(0))); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func run(root, name, dir string) error {
	trees, err := snapshot.Open(filepath.Join(root, "snapshots"))
	if err != nil {
		return err
	}
	images, err := image.Open(filepath.Join(root, "images"), trees)
	if err != nil {
		return err
	}
	defer images.Close()
	from, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer from.Close()
	b := builder.Builder{Images: images, Snapshots: trees, Runner: box{trees}}
	img, err := b.Build(context.Background(), builder.Options{Context: from, Names: []string{name}, Output: os.Stdout})
	if err == nil {
		fmt.Println(img.ID, img.Names)
	}
	return err
}

// A box runs a step in a sandbox whose root is the step's snapshot.
type box struct{ trees *snapshot.Store }

func (b box) Run(_ context.Context, s builder.Step) error {
	root, err := b.trees.Mount(s.Key) // a description: the sandbox mounts it
	if err != nil {
		return err
	}
	child, err := sandbox.Spawn(sandbox.Spec{
		Root: root, Mounts: sandbox.DefaultMounts(), Hostname: "build",
		New:     namespace.Mount | namespace.PID | namespace.IPC | namespace.UTS | namespace.Net,
		Process: sandbox.Process{Args: s.Args, Env: s.Env, Dir: s.Dir, User: s.User, Capabilities: capability.Default()},
	}, sandbox.Stdio{Out: os.Stdout, Err: os.Stderr})
	if err != nil {
		return err
	}
	defer child.Close()
	if err := child.Release(); err != nil {
		return err
	}
	exit, err := child.Wait()
	if err == nil && exit.Code != 0 {
		err = &builder.ExitError{Code: exit.Code}
	}
	return err
}
