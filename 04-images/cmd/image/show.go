package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"drydock/03-overlayfs/snapshot"
	"drydock/04-images/image"
)

// with opens a file for fn and reports what closing it says, too.
func with(open func(string) (*os.File, error), name string, fn func(*os.File) error) error {
	f, err := open(name)
	if err != nil {
		return err
	}
	if err := fn(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func show(images []*image.Image, err error) error {
	if err != nil {
		return err
	}
	for _, img := range images {
		fmt.Printf("%.12s  %9d  %s\n", img.ID.Hex, img.Size, strings.Join(img.Names, " "))
	}
	return nil
}

// layers prints where the tree of each layer lies, as overlayfs wants them.
func layers(store *image.Store, trees *snapshot.Store, name string) error {
	img, err := store.Get(name)
	if err != nil {
		return err
	}
	top, err := store.Unpack(context.Background(), img)
	if err != nil || top == "" {
		return err
	}
	dirs, err := trees.Layers(top)
	for _, dir := range dirs {
		fmt.Println(dir)
	}
	return err
}
