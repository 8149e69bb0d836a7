package builder

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"drydock/04-images/image"
	"drydock/08-dockerfile/dockerfile"
)

// predefined says whether a build argument needs no ARG: proxies are meant
// for every build.
func predefined(name string) bool {
	return slices.Contains([]string{"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"}, strings.ToUpper(name))
}

// automatic are the arguments that tell the platforms.
func (w *build) automatic(name string) (string, bool) {
	p := w.target()
	host := "linux/" + runtime.GOARCH
	value, ok := map[string]string{
		"TARGETPLATFORM": p.String(), "TARGETOS": p.OS, "TARGETARCH": p.Architecture, "TARGETVARIANT": p.Variant,
		"BUILDPLATFORM": host, "BUILDOS": "linux", "BUILDARCH": runtime.GOARCH, "BUILDVARIANT": "",
		"TARGETSTAGE": w.Target,
	}[name]
	return value, ok
}

// globals reads the ARGs before the first FROM.
func (w *build) globals() error {
	w.global = map[string]string{}
	for _, in := range w.file.Args {
		w.announce(in)
		for _, text := range in.Args {
			name, value, set, err := w.argument(text, w.globalEnv)
			if err != nil {
				return fmt.Errorf("%s, line %d: ARG: %w", w.Dockerfile, in.Line, err)
			}
			if set {
				w.global[name] = value
			}
		}
	}
	return nil
}

// globalEnv are the variables that FROM may use.
func (w *build) globalEnv(name string) (string, bool) {
	if value, ok := w.global[name]; ok {
		return value, true
	}
	return w.automatic(name)
}

// argument reads "name" or "name=default"; the command line wins.
func (w *build) argument(text string, env dockerfile.Env) (name, value string, set bool, err error) {
	name, value, set = strings.Cut(text, "=")
	if name, err = dockerfile.Expand(name, env, w.file.Escape); err != nil {
		return name, "", false, refusal(err.Error())
	}
	w.consumed[name] = true
	if given, ok := w.Options.Args[name]; ok {
		return name, given, true, nil
	}
	if set {
		value, err = dockerfile.Expand(value, env, w.file.Escape)
	}
	if err != nil {
		err = refusal(err.Error())
	}
	return name, value, set, err
}

// arg declares arguments. Without a default, one has the value that it has
// before the first FROM.
func (s *stage) arg(ctx context.Context, in dockerfile.Instruction, step image.Step) error {
	for _, text := range in.Args {
		name, value, set, err := s.argument(text, s.env)
		if err != nil {
			return err
		}
		if !set {
			value, set = s.globalEnv(name)
		}
		if set {
			s.args[name] = value
			s.named = append(slices.DeleteFunc(s.named, func(n string) bool { return n == name }), name)
		}
	}
	return s.append(ctx, step)
}

// env is what a variable means to an instruction: ENV wins over ARG.
func (s *stage) env(name string) (string, bool) {
	for _, line := range s.config.Config.Env {
		if key, value, _ := strings.Cut(line, "="); key == name {
			return value, true
		}
	}
	value, ok := s.args[name]
	return value, ok
}

// environment is that of a command: ENV, and the arguments beside it.
func (s *stage) environment() []string {
	env := slices.Clone(s.config.Config.Env)
	add := func(name, value string) {
		if !slices.ContainsFunc(env, func(line string) bool { return strings.HasPrefix(line, name+"=") }) {
			env = append(env, name+"="+value)
		}
	}
	for _, name := range s.named {
		add(name, s.args[name])
	}
	for name, value := range s.Options.Args {
		if predefined(name) {
			add(name, value)
		}
	}
	add("PATH", defaultPath)
	return env
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// expand replaces the variables of one word.
func (s *stage) expand(word string) (string, error) {
	text, err := dockerfile.Expand(word, s.env, s.file.Escape)
	if err != nil {
		return "", refusal(err.Error())
	}
	return text, nil
}

// expandAll does that with several.
func (s *stage) expandAll(words []string) ([]string, error) {
	out := make([]string, len(words))
	for i, word := range words {
		var err error
		if out[i], err = s.expand(word); err != nil {
			return nil, err
		}
	}
	return out, nil
}
