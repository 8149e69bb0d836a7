// Package base is the base image: a shell, some sixty tools, a small web
// server and a probe, all from Go source in the folders below, so that the
// engine can run a container on a machine without a network.
//
//	tool    cat, ls, ps, sleep, eat, …: small, because it starts often
//	shell   sh
//	extra   httpd, fetch, ip, probe: what needs net/http
//	pack    makes two layers and an image of them, the same bytes every time
//
// The image is built by `make build` (cmd/mkbase) and embedded. It is not
// under version control; without it everything compiles, and Open says so.
package base

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// Name is the reference under which the archive holds the image.
const Name = "drydock/base:latest"

// ErrNotBuilt is what Open answers in a tree where `make build` did not run.
var ErrNotBuilt = errors.New("the base image was not built: run make build")

//go:embed image
var built embed.FS

// Open returns the archive of the image, in the form of `docker save`.
func Open() (io.ReadCloser, error) {
	return open(built)
}

// open looks for the archive in what was embedded.
func open(files fs.FS) (io.ReadCloser, error) {
	f, err := files.Open("image/base.tar")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotBuilt
	}
	if err != nil {
		return nil, fmt.Errorf("open the embedded base image: %w", err)
	}
	return f, nil
}
