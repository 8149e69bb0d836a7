// Package pack makes the base image: it builds the programs with the go tool
// and lays them and the skeleton of a file system out as two layers. The same
// source and the same Go give the same bytes, wherever the source lies.
package pack

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Links names the programs, and the names by which each is called.
func Links() map[string][]string {
	return map[string][]string{
		"shell": strings.Fields("sh test [ printf"),
		"extra": strings.Fields("httpd fetch wget ip probe"),
		"tool": strings.Fields(`true false basename cat chmod chown cp cut date df dirname eat echo env find free grep
			head hostname id kill ln ls mkdir mktemp mount mv nproc ps pwd readlink rm rmdir sed seq sleep sort spin
			stat sync tail tee touch tr tty umount uname uniq wc which whoami xargs yes`),
	}
}

// Build compiles the programs for linux on arch into dir. module is the folder
// of drydock/final. Paths, symbols and the state of the repository stay out of
// the binaries, or two builds would differ.
func Build(module, dir, arch string) error {
	for _, program := range []string{"extra", "shell", "tool"} {
		build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=",
			"-o", filepath.Join(dir, program), "drydock/final/base/"+program)
		build.Dir = module
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "GOWORK=off")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s for linux/%s: %w\n%s", program, arch, err, out)
		}
	}
	return nil
}

// Image lays the programs in dir out as an image for linux on arch.
func Image(dir, arch string) (v1.Image, error) {
	house, err := layer(skeleton())
	if err != nil {
		return nil, err
	}
	var entries []entry
	for program, links := range Links() {
		binary, err := os.ReadFile(filepath.Join(dir, program))
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{name: "bin/" + program, mode: 0o755, data: binary})
		for _, link := range links {
			entries = append(entries, entry{name: "bin/" + link, link: program})
		}
	}
	programs, err := layer(entries)
	if err != nil {
		return nil, err
	}
	img, err := mutate.ConfigFile(empty.Image, config(arch))
	if err != nil {
		return nil, err
	}
	return mutate.Append(img, step(house, "the skeleton of a file system"), step(programs, "sh, tools, httpd and probe"))
}

// step is a layer with its line of history.
func step(l v1.Layer, about string) mutate.Addendum {
	return mutate.Addendum{Layer: l, History: v1.History{Created: v1.Time{Time: Born}, CreatedBy: about}}
}

// config is what a container of the image starts with.
func config(arch string) *v1.ConfigFile {
	return &v1.ConfigFile{
		Architecture: arch,
		OS:           "linux",
		Created:      v1.Time{Time: Born},
		RootFS:       v1.RootFS{Type: "layers"},
		Config: v1.Config{
			Env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
			Cmd: []string{"sh"},
			Labels: map[string]string{
				"org.opencontainers.image.title":       "Drydock base image",
				"org.opencontainers.image.description": "A shell, tools, a web server and a probe, from Go source",
				"org.opencontainers.image.licenses":    "Apache-2.0",
			},
		},
	}
}

// Write puts the image into an archive in the form of `docker save`.
func Write(w io.Writer, img v1.Image, reference string) error {
	tag, err := name.NewTag(reference)
	if err != nil {
		return fmt.Errorf("name the image: %w", err)
	}
	return tarball.Write(tag, img, w)
}
