package builder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"drydock/04-images/image"
	"drydock/08-dockerfile/dockerfile"
)

// A stage is the state between two instructions.
type stage struct {
	*build
	index  int
	image  *image.Image // nil: nothing yet, FROM scratch
	config v1.ConfigFile
	cmdSet bool              // by this stage, so that ENTRYPOINT leaves it
	args   map[string]string // ARGs of this stage that have a value
	named  []string          // their names, in order
}

// stage builds stage i.
func (w *build) stage(ctx context.Context, i int) (*stage, error) {
	s := &stage{build: w, index: i, args: map[string]string{}}
	description := w.file.Stages[i]
	if err := s.from(ctx, description); err != nil {
		return nil, err
	}
	if err := s.triggers(ctx); err != nil {
		return nil, err
	}
	for _, in := range description.Instructions {
		if err := s.instruction(ctx, in); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// from finds the image that the stage starts from.
func (s *stage) from(ctx context.Context, d dockerfile.Stage) error {
	s.announce(d.From)
	base, err := dockerfile.Expand(d.Base, s.globalEnv, s.file.Escape)
	if err != nil {
		return s.at(d.From, refusal(err.Error()))
	}
	if base == "" {
		return s.at(d.From, refuse("base name (%s) should not be blank", d.Base))
	}
	platform, err := s.platform(d.From)
	if err != nil {
		return s.at(d.From, err)
	}
	if earlier, ok := s.stageNamed(base); ok {
		s.image, s.config = earlier.image, *earlier.config.DeepCopy()
	} else if base == "scratch" {
		s.config = v1.ConfigFile{OS: platform.OS, Architecture: platform.Architecture, Variant: platform.Variant}
		s.say(" ---> \n")
		return nil
	} else if err := s.base(ctx, base, platform); err != nil {
		return err
	}
	if s.image != nil {
		s.say(" ---> %s\n", s.image.ID.Hex[:12])
	}
	return nil
}

// base takes an image of the store, or has it pulled.
func (s *stage) base(ctx context.Context, ref string, platform v1.Platform) (err error) {
	if s.image, err = s.find(ctx, ref, platform); err != nil {
		return err
	}
	file, err := s.image.ConfigFile()
	if err != nil {
		return fmt.Errorf("read the config of %s: %w", ref, err)
	}
	s.config = *file.DeepCopy()
	s.config.Created, s.config.Container = v1.Time{}, ""
	return nil
}

func (s *stage) find(ctx context.Context, ref string, platform v1.Platform) (*image.Image, error) {
	img, err := s.Images.Get(ref)
	missing := errors.Is(err, fs.ErrNotExist)
	if s.Builder.Pull == nil || err == nil && !s.Options.Pull || err != nil && !missing {
		return img, err
	}
	return s.Builder.Pull(ctx, ref, platform)
}

// stageNamed is an earlier stage by its name or number.
func (s *stage) stageNamed(name string) (*stage, bool) {
	i, ok := s.file.Stage(name, s.index)
	if !ok {
		return nil, false
	}
	earlier, ok := s.stages[i]
	return earlier, ok
}

// platform is what FROM --platform asks for, or the whole build.
func (s *stage) platform(from dockerfile.Instruction) (v1.Platform, error) {
	text, err := dockerfile.Expand(from.Flag("platform"), s.globalEnv, s.file.Escape)
	if err != nil {
		return v1.Platform{}, refusal(err.Error())
	}
	if text == "" {
		return s.target(), nil
	}
	p, err := v1.ParsePlatform(text)
	if err != nil || p.Architecture == "" {
		return v1.Platform{}, refuse("%q is no platform: expected os/architecture[/variant]", text)
	}
	return *p, nil
}

// target is the platform to build for.
func (w *build) target() v1.Platform {
	if w.Platform.OS != "" {
		return w.Platform
	}
	return v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
}

// triggers performs what the base image has put off with ONBUILD.
func (s *stage) triggers(ctx context.Context) error {
	waiting := s.config.Config.OnBuild
	s.config.Config.OnBuild = nil
	if _, ok := s.stageNamed(s.file.Stages[s.index].Base); ok {
		waiting = nil // they belong to who uses the image, not to this build
	}
	if len(waiting) == 0 {
		return nil
	}
	s.say("# Executing %d build trigger(s)\n", len(waiting))
	s.steps += len(waiting)
	for _, text := range waiting {
		in, err := dockerfile.ParseInstruction(text)
		if err == nil && slices.Contains([]string{"FROM", "ONBUILD", "MAINTAINER"}, in.Name) {
			err = fmt.Errorf("%s is not allowed as a trigger", in.Name)
		}
		if err != nil {
			return refuse("the ONBUILD trigger %q of the base image: %v", text, err)
		}
		in.Line = s.file.Stages[s.index].From.Line
		if err := s.instruction(ctx, in); err != nil {
			return err
		}
	}
	return nil
}

// instruction performs one and makes an image of the result.
func (s *stage) instruction(ctx context.Context, in dockerfile.Instruction) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.announce(in)
	if err := s.known(in); err != nil {
		return err
	}
	step := image.Step{Parent: s.image, History: v1.History{CreatedBy: strings.TrimSpace(in.Original), Comment: "drydock"}}
	var err error
	switch in.Name {
	case "RUN":
		err = s.run(ctx, in, step)
	case "COPY", "ADD":
		err = s.copy(ctx, in, step)
	case "WORKDIR":
		err = s.workdir(ctx, in, step)
	case "ARG":
		err = s.arg(ctx, in, step)
	default:
		if err = s.change(in); err == nil {
			err = s.append(ctx, step)
		}
	}
	if err != nil {
		return s.at(in, err)
	}
	s.say(" ---> %s\n", s.image.ID.Hex[:12])
	return nil
}

// known refuses the flags that are not built yet.
func (s *stage) known(in dockerfile.Instruction) error {
	built := map[string]string{
		"COPY": "from chown chmod", "ADD": "chown chmod", "HEALTHCHECK": "interval timeout start-period retries", "RUN": "network",
	}
	for _, f := range in.Flags {
		if !slices.Contains(strings.Fields(built[in.Name]), f.Name) && f.Value != "false" {
			return s.absent(in, "--"+f.Name)
		}
	}
	return nil
}

// append makes the next image. It is the only way in which a stage goes on.
func (s *stage) append(ctx context.Context, step image.Step) error {
	step.Config = *s.config.DeepCopy()
	img, err := s.Images.Append(ctx, step)
	if err != nil {
		return err
	}
	s.made = append(s.made, img)
	s.image = img
	return nil
}

// announce is the line above each step.
func (w *build) announce(in dockerfile.Instruction) {
	w.step++
	w.say("Step %d/%d : %s\n", w.step, w.steps, strings.TrimSpace(in.Original))
}

// at says where an error comes from, unless the sentence is Docker's own.
func (s *stage) at(in dockerfile.Instruction, err error) error {
	var exit *ExitError
	if errors.As(err, &exit) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%s, line %d: %s: %w", s.Dockerfile, in.Line, in.Name, err)
}
