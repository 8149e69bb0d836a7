package builder

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"drydock/08-dockerfile/dockerfile"
)

// changeable are the instructions that only need a config, no files: Docker's
// list for commit and import.
const changeable = " CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR "

// Change applies instructions, each a text, to a config: what `docker import
// --change` asks for.
func Change(config v1.Config, texts []string) (v1.Config, error) {
	w := &build{Options: Options{Dockerfile: "--change"}, file: &dockerfile.File{Escape: '\\'}}
	s := &stage{build: w, config: v1.ConfigFile{Config: config}}
	for i, text := range texts {
		in, err := dockerfile.ParseInstruction(text)
		if err != nil {
			return v1.Config{}, refuse("--change %q: %v", text, err)
		}
		if !strings.Contains(changeable, " "+in.Name+" ") {
			return v1.Config{}, refuse("%s is not a valid change command", in.Name)
		}
		in.Line = i + 1
		if err := s.known(in); err != nil {
			return v1.Config{}, err
		}
		if err := s.change(in); err != nil {
			return v1.Config{}, refuse("--change %q: %v", text, err)
		}
	}
	return s.config.Config, nil
}

// change performs an instruction that changes the config only.
func (s *stage) change(in dockerfile.Instruction) error {
	c := &s.config.Config
	switch in.Name {
	case "CMD":
		c.Cmd, s.cmdSet = s.command(in.Args, in.JSON), true
		return nil
	case "ENTRYPOINT":
		c.Entrypoint = s.command(in.Args, in.JSON)
		if !s.cmdSet {
			c.Cmd = nil // the base image's: arguments of another program
		}
		return nil
	case "SHELL":
		c.Shell = in.Args
		return nil
	case "HEALTHCHECK":
		return s.health(in)
	case "ONBUILD":
		c.OnBuild = append(c.OnBuild, onbuild(in))
		return nil
	}
	args, err := s.expandAll(in.Args)
	if err != nil {
		return err
	}
	return s.expanded(in.Name, args)
}

// expanded performs one whose variables have been replaced.
func (s *stage) expanded(name string, args []string) error {
	c := &s.config.Config
	switch name {
	case "ENV":
		for i := 0; i+1 < len(args); i += 2 {
			c.Env = setEnv(c.Env, args[i], args[i+1])
		}
	case "LABEL":
		for i := 0; i+1 < len(args); i += 2 {
			put(&c.Labels, args[i], args[i+1])
		}
	case "EXPOSE":
		return expose(c, args)
	case "VOLUME":
		for _, volume := range args {
			put(&c.Volumes, strings.TrimSpace(volume), struct{}{})
		}
	case "USER":
		c.User = args[0]
	case "WORKDIR":
		c.WorkingDir = s.absolute(args[0])
	case "STOPSIGNAL":
		c.StopSignal = args[0]
	case "MAINTAINER":
		s.config.Author = args[0]
	default:
		return fmt.Errorf("an instruction that nobody performs")
	}
	return nil
}

// command is a program and its arguments: as they stand in the exec form, or
// a line for the shell.
func (s *stage) command(args []string, exec bool) []string {
	if exec || len(args) == 0 {
		return args
	}
	shell := s.config.Config.Shell
	if len(shell) == 0 {
		shell = []string{"/bin/sh", "-c"}
	}
	return append(slices.Clone(shell), strings.Join(args, " "))
}

// absolute is a directory seen from the working directory.
func (s *stage) absolute(dir string) string {
	if !path.IsAbs(dir) {
		dir = path.Join("/", s.config.Config.WorkingDir, dir)
	}
	return path.Clean(dir)
}

func put[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = value
}

// setEnv replaces a variable where it stands, or adds it.
func setEnv(env []string, name, value string) []string {
	env = slices.Clone(env)
	for i, line := range env {
		if key, _, _ := strings.Cut(line, "="); key == name {
			env[i] = name + "=" + value
			return env
		}
	}
	return append(env, name+"="+value)
}

// expose reads "80", "80/udp" and "8000-8010".
func expose(c *v1.Config, ports []string) error {
	for _, text := range ports {
		if text == "" {
			continue // a variable that is empty
		}
		span, protocol, has := strings.Cut(strings.ToLower(text), "/")
		if !has {
			protocol = "tcp"
		}
		first, last, ok := strings.Cut(span, "-")
		if !ok {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 16)
		to, err2 := strconv.ParseUint(last, 10, 16)
		if err != nil || err2 != nil || from > to || !slices.Contains([]string{"tcp", "udp", "sctp"}, protocol) {
			return refuse("invalid containerPort: %s", text)
		}
		for port := from; port <= to; port++ {
			put(&c.ExposedPorts, fmt.Sprintf("%d/%s", port, protocol), struct{}{})
		}
	}
	return nil
}

// onbuild is the text behind ONBUILD, heredocs included.
func onbuild(in dockerfile.Instruction) string {
	text := in.Args[0]
	for _, h := range in.Heredocs {
		text += "\n" + h.Content + h.Name
	}
	return text
}

// health reads HEALTHCHECK.
func (s *stage) health(in dockerfile.Instruction) error {
	if strings.EqualFold(in.Args[0], "NONE") {
		s.config.Config.Healthcheck = &v1.HealthConfig{Test: []string{"NONE"}}
		return nil
	}
	h := &v1.HealthConfig{Test: append([]string{"CMD-SHELL"}, in.Args[1:]...)}
	if in.JSON {
		h.Test[0] = "CMD"
	}
	for _, f := range in.Flags {
		d, _ := time.ParseDuration(f.Value) // checked by the parser
		switch f.Name {
		case "interval":
			h.Interval = d
		case "timeout":
			h.Timeout = d
		case "start-period":
			h.StartPeriod = d
		case "retries":
			h.Retries, _ = strconv.Atoi(f.Value)
		}
	}
	s.config.Config.Healthcheck = h
	return nil
}
