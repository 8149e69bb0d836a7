// Package builder turns a Dockerfile and a context into an image.
//
// Every instruction makes an image of the one before. One that changes files
// makes exactly one layer, the others change only the config:
//
//	RUN         a snapshot on the parent's tree is prepared, a program runs in
//	            it, and what it has changed becomes the layer        run.go
//	COPY, ADD   a tar is written from the context or another stage, with its
//	WORKDIR     names resolved in the parent's tree, and becomes the
//	            layer                                     copy.go, pack.go
//	ENV, CMD …  the config                                       config.go
//
// What is read and where it is written are names of strangers: a link in a
// context or in a base image may point anywhere. tree.go resolves them below
// a directory descriptor, as if that were "/", so none leaves its tree; and
// what writes in the end is chapter 4's layer code, which trusts no name of a
// tar.
package builder

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"drydock/03-overlayfs/snapshot"
	"drydock/04-images/image"
	"drydock/08-dockerfile/dockerfile"
	"drydock/08-dockerfile/ignore"
)

// A Step is one command of a build.
type Step struct {
	Key       string // the active snapshot that it changes
	Args, Env []string
	Dir, User string
	Network   string // as in Options
	ShmSize   int64
	Output    io.Writer // both streams, as they come
}

// A Runner runs the command of a step on its snapshot, to its end. A command
// that ends with another code than 0 is an *ExitError.
type Runner interface {
	Run(ctx context.Context, s Step) error
}

// An ExitError says that a command has ended with another code than 0.
type ExitError struct {
	Command string // as the Dockerfile has it, with its shell
	Code    int
}

// Error is Docker's sentence.
func (e *ExitError) Error() string {
	return fmt.Sprintf("The command '%s' returned a non-zero code: %d", e.Command, e.Code)
}

// A Builder builds images. It is safe for concurrent use.
type Builder struct {
	Images    *image.Store
	Snapshots *snapshot.Store
	Runner    Runner
	// Pull fetches an image that the store does not have. With nil, that is
	// an error.
	Pull func(ctx context.Context, ref string, platform v1.Platform) (*image.Image, error)
}

// Options say what to build. Context is needed, all else may be zero.
type Options struct {
	Context    *os.File // a directory
	Dockerfile string   // its name in the context; empty is "Dockerfile"
	Names      []string // of the image
	Args       map[string]string
	Labels     map[string]string
	Target     string // stage to build, by name or number; empty is the last
	Pull       bool   // ask for newer base images
	Platform   v1.Platform
	Network    string // of RUN: "", "default", "none", "host" or a name
	ShmSize    int64
	Output     io.Writer // what happens, in the words of docker build
}

// Build builds an image. Only the stages that the target needs are built. On
// an error nothing is left behind and no name has moved.
func (b *Builder) Build(ctx context.Context, o Options) (img *image.Image, err error) {
	if o.Output == nil {
		o.Output = io.Discard
	}
	if o.Dockerfile == "" {
		o.Dockerfile = "Dockerfile"
	}
	w := &build{Builder: b, Options: o, context: tree{o.Context}, stages: map[int]*stage{}, consumed: map[string]bool{}}
	if w.file, err = w.read(); err != nil {
		return nil, err
	}
	if w.ignored, err = w.readIgnore(); err != nil {
		return nil, err
	}
	plan, err := w.plan()
	if err != nil {
		return nil, err
	}
	defer func() { w.forget(img) }()
	img, err = w.perform(ctx, plan)
	if err != nil {
		return nil, err
	}
	for _, name := range o.Names {
		if err := b.Images.Tag(img.ID.String(), name); err != nil {
			return nil, err
		}
	}
	return b.Images.Get(img.ID.String())
}

// A build is one call of Build.
type build struct {
	*Builder
	Options
	context tree
	ignored ignore.List
	file    *dockerfile.File

	global   map[string]string // values of the ARGs before the first FROM
	consumed map[string]bool   // build arguments that an ARG has asked for
	stages   map[int]*stage    // those that are done
	step     int               // number of the instruction, for the eye
	steps    int
	made     []*image.Image // by the way, to be forgotten
}

// read parses the Dockerfile.
func (w *build) read() (*dockerfile.File, error) {
	f, err := w.context.open(w.Dockerfile)
	if err != nil {
		return nil, refuse("Cannot locate specified Dockerfile: %s", w.Dockerfile)
	}
	defer f.Close()
	return dockerfile.Parse(f)
}

// readIgnore reads DOCKERFILE.dockerignore, or else .dockerignore.
func (w *build) readIgnore() (ignore.List, error) {
	for _, name := range []string{w.Dockerfile + ".dockerignore", ".dockerignore"} {
		if f, err := w.context.open(name); err == nil {
			defer f.Close()
			return ignore.Parse(f)
		}
	}
	return ignore.List{}, nil
}

// perform builds the stages of the plan, the target last.
func (w *build) perform(ctx context.Context, plan []int) (*image.Image, error) {
	if err := w.globals(); err != nil {
		return nil, err
	}
	for _, i := range plan {
		s, err := w.stage(ctx, i)
		if err != nil {
			return nil, err
		}
		w.stages[i] = s
	}
	last := w.stages[plan[len(plan)-1]]
	if last.image == nil {
		return nil, refuse("No image was generated. Is your Dockerfile empty?")
	}
	w.warn()
	return last.image, nil
}

// warn names the build arguments that nobody has asked for.
func (w *build) warn() {
	var unused []string
	for name := range w.Options.Args {
		if !w.consumed[name] && !predefined(name) {
			unused = append(unused, name)
		}
	}
	if len(unused) > 0 {
		w.say("[Warning] One or more build-args %v were not consumed\n", unused)
	}
}

// forget removes the images between base and result: nobody has named them.
func (w *build) forget(result *image.Image) {
	for i := len(w.made) - 1; i >= 0; i-- {
		img := w.made[i]
		if result != nil && img.ID == result.ID {
			continue
		}
		if now, err := w.Images.Get(img.ID.String()); err == nil && len(now.Names) == 0 {
			w.Images.Remove(img.ID.String(), false, nil)
		}
	}
}

// say tells what happens. A reader that went away ends the build through its
// context.
func (w *build) say(format string, args ...any) { fmt.Fprintf(w.Output, format, args...) }

// Sweep removes what builds have left that a crash has ended.
func (b *Builder) Sweep() error {
	for _, key := range b.Snapshots.Names(false) {
		if strings.HasPrefix(key, keyPrefix) {
			if err := b.Snapshots.Remove(key); err != nil {
				return err
			}
		}
	}
	return nil
}
