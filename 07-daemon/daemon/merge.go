package daemon

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
)

// merge completes what a user asked for with what the image says, in place.
// A list that the user gave wins as a whole; maps and the environment are
// joined, the user's entry winning.
func merge(user, image *container.Config) {
	if image == nil {
		image = &container.Config{}
	}
	if user.User == "" {
		user.User = image.User
	}
	if user.WorkingDir == "" {
		user.WorkingDir = image.WorkingDir
	}
	if user.StopSignal == "" {
		user.StopSignal = image.StopSignal
	}
	if len(user.Shell) == 0 {
		user.Shell = image.Shell
	}
	user.ExposedPorts = join(user.ExposedPorts, image.ExposedPorts)
	user.Volumes = join(user.Volumes, image.Volumes)
	user.Labels = join(user.Labels, image.Labels)
	user.Env = joinEnv(user.Env, image.Env)
	mergeCommand(user, image)
	mergeHealth(user, image)
}

// mergeCommand keeps two rules apart: an entrypoint of the user's drops the
// image's command too, since that was an argument of another program; and an
// empty entrypoint ([""]) resets the image's.
func mergeCommand(user, image *container.Config) {
	if len(user.Entrypoint) == 0 {
		if len(user.Cmd) == 0 {
			user.Cmd = slices.Clone(image.Cmd)
			user.ArgsEscaped = image.ArgsEscaped
		}
		if user.Entrypoint == nil {
			user.Entrypoint = slices.Clone(image.Entrypoint)
		}
	}
	if len(user.Entrypoint) == 1 && user.Entrypoint[0] == "" {
		user.Entrypoint = nil
	}
}

func mergeHealth(user, image *container.Config) {
	switch {
	case image.Healthcheck == nil:
	case user.Healthcheck == nil:
		h := *image.Healthcheck
		user.Healthcheck = &h
	case len(user.Healthcheck.Test) == 0:
		user.Healthcheck.Test = image.Healthcheck.Test
	}
}

func join[K comparable, V any](user, image map[K]V) map[K]V {
	if len(image) == 0 {
		return user
	}
	all := maps.Clone(image)
	maps.Copy(all, user)
	return all
}

// joinEnv adds the variables that the user did not name.
func joinEnv(user, image []string) []string {
	all := slices.Clone(user)
	for _, entry := range image {
		if !hasEnv(user, variable(entry)) {
			all = append(all, entry)
		}
	}
	return all
}

func variable(entry string) string {
	name, _, _ := strings.Cut(entry, "=")
	return name
}

func hasEnv(env []string, name string) bool {
	return slices.ContainsFunc(env, func(entry string) bool { return variable(entry) == name })
}

// environment is what the program finds: Docker's defaults, then the
// container's own. An entry without "=" takes a default away.
func environment(c *container.Config) []string {
	defaults := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=" + c.Hostname}
	if c.Tty {
		defaults = append(defaults, "TERM=xterm")
	}
	return overlayEnv(defaults, c.Env)
}

// overlayEnv replaces entries of base by those of top with the same name and
// appends the rest.
func overlayEnv(base, top []string) []string {
	env := slices.Clone(base)
	for _, entry := range top {
		name, _, hasValue := strings.Cut(entry, "=")
		i := slices.IndexFunc(env, func(e string) bool { return variable(e) == name })
		switch {
		case hasValue && i >= 0:
			env[i] = entry
		case hasValue:
			env = append(env, entry)
		case i >= 0:
			env = slices.Delete(env, i, i+1)
		}
	}
	return env
}

// command splits what runs into the program and its arguments.
func command(c *container.Config) (string, []string, error) {
	words := slices.Concat(c.Entrypoint, c.Cmd)
	if len(words) == 0 {
		return "", nil, invalid("no command specified")
	}
	return words[0], words[1:], nil
}

// workingDir cleans the directory that the program starts in.
func workingDir(dir string) (string, error) {
	switch {
	case dir == "":
		return "", nil
	case !path.IsAbs(dir):
		return "", invalid("the working directory '%s' is invalid, it needs to be an absolute path", dir)
	default:
		return path.Clean(dir), nil
	}
}
