// Image keeps images in a directory and shows what they are made of.
//
//	image [-root DIR] load FILE        from docker save, or an OCI archive
//	image [-root DIR] import FILE NAME from a tar of a file system
//	image [-root DIR] ls
//	image [-root DIR] layers NAME      the tree of each layer, top first
//	image [-root DIR] save FILE NAME…
//	image [-root DIR] rm NAME
//
// DIR/images is an OCI image layout: skopeo inspect oci:DIR/images:NAME.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"drydock/03-overlayfs/snapshot"
	"drydock/04-images/image"
)

func main() {
	root := flag.String("root", "/var/tmp/image", "where images and trees are kept")
	flag.Parse()
	if err := run(*root, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(root string, args []string) error {
	trees, err := snapshot.Open(filepath.Join(root, "snapshots"))
	if err != nil {
		return err
	}
	store, err := image.Open(filepath.Join(root, "images"), trees)
	if err != nil {
		return err
	}
	defer store.Close()
	ctx := context.Background()
	switch {
	case len(args) == 2 && args[0] == "load":
		return with(os.Open, args[1], func(f *os.File) error { return show(store.Load(ctx, f, nil)) })
	case len(args) == 3 && args[0] == "import":
		return with(os.Open, args[1], func(f *os.File) error {
			img, err := store.Import(ctx, f, v1.Config{}, "", args[2])
			return show([]*image.Image{img}, err)
		})
	case len(args) == 1 && args[0] == "ls":
		return show(store.List())
	case len(args) == 2 && args[0] == "layers":
		return layers(store, trees, args[1])
	case len(args) > 2 && args[0] == "save":
		return with(os.Create, args[1], func(f *os.File) error { return store.Save(ctx, f, args[2:]...) })
	case len(args) == 2 && args[0] == "rm":
		_, err := store.Remove(args[1], false, nil)
		return err
	}
	return fmt.Errorf("usage: image [-root DIR] load FILE | import FILE NAME | ls | layers NAME | save FILE NAME… | rm NAME")
}
