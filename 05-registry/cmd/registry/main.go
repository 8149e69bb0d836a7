// Command registry is a registry of one's own, and the smallest client of any:
//
//	registry serve -addr 127.0.0.1:5000 -dir DIR
//	registry pull 127.0.0.1:5000/busybox LAYOUT     (an OCI layout: a directory
//	registry push 127.0.0.1:5000/busybox LAYOUT      that other tools read, too)
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/partial"

	"drydock/05-registry/registry"
	"drydock/05-registry/server"
)

func main() {
	verbs := map[string]func([]string) error{"serve": serve, "pull": pull, "push": push}
	if len(os.Args) < 2 || verbs[os.Args[1]] == nil || os.Args[1] != "serve" && len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: registry serve [-addr HOST:PORT] [-dir DIR] | pull NAME LAYOUT | push NAME LAYOUT")
		os.Exit(2)
	}
	if err := verbs[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "registry:", err)
		os.Exit(1)
	}
}

func serve(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	addr := flags.String("addr", "127.0.0.1:5000", "where to listen, in plain HTTP")
	dir := flags.String("dir", "registry", "where to keep the images")
	flags.Parse(args)
	handler, err := server.Open(server.Config{Dir: *dir})
	if err != nil {
		return err
	}
	return http.ListenAndServe(*addr, handler)
}

func pull(args []string) error {
	ref, err := registry.ParseReference(args[0])
	if err != nil {
		return err
	}
	img, err := new(registry.Client).Pull(context.Background(), ref, v1.Platform{}, registry.Credentials{})
	if err != nil {
		return err
	}
	to, err := layout.Write(args[1], empty.Index)
	if err != nil {
		return err
	}
	return to.AppendImage(img) // only now the layers come
}

func push(args []string) error {
	ref, err := registry.ParseReference(args[0])
	if err != nil {
		return err
	}
	index, err := layout.ImageIndexFromPath(args[1])
	if err != nil {
		return err
	}
	images, err := partial.FindImages(index, func(v1.Descriptor) bool { return true })
	if err != nil || len(images) != 1 {
		return fmt.Errorf("%s holds %d images, want one (%v)", args[1], len(images), err)
	}
	say := func(id, status string, _, _ int64) { fmt.Println(id, status) }
	_, err = new(registry.Client).Push(context.Background(), ref, images[0], registry.Credentials{}, say)
	return err
}
