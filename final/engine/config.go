package engine

import (
	"strconv"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// ContainerConfig turns the image format's config (chapters 4, 5 and 8) into
// that of Docker's API (chapter 7). What the format allows and the API cannot
// say, like a port that is no number, is left out.
func ContainerConfig(c v1.Config) *container.Config {
	return &container.Config{
		Hostname:     c.Hostname,
		Domainname:   c.Domainname,
		User:         c.User,
		Env:          c.Env,
		Entrypoint:   c.Entrypoint,
		Cmd:          c.Cmd,
		ArgsEscaped:  c.ArgsEscaped,
		WorkingDir:   c.WorkingDir,
		Labels:       c.Labels,
		Volumes:      c.Volumes,
		StopSignal:   c.StopSignal,
		Shell:        c.Shell,
		OnBuild:      c.OnBuild,
		ExposedPorts: exposed(c.ExposedPorts),
		Healthcheck:  health(c.Healthcheck),
	}
}

func exposed(ports map[string]struct{}) network.PortSet {
	if len(ports) == 0 {
		return nil
	}
	set := network.PortSet{}
	for text := range ports {
		if port, err := network.ParsePort(text); err == nil {
			set[port] = struct{}{}
		}
	}
	return set
}

func health(h *v1.HealthConfig) *container.HealthConfig {
	if h == nil {
		return nil
	}
	return &container.HealthConfig{
		Test:        h.Test,
		Interval:    h.Interval,
		Timeout:     h.Timeout,
		StartPeriod: h.StartPeriod,
		Retries:     h.Retries,
	}
}

// imageConfig is the way back, for commit and import with changes.
func imageConfig(c *container.Config) v1.Config {
	out := v1.Config{
		User:        c.User,
		Env:         c.Env,
		Entrypoint:  c.Entrypoint,
		Cmd:         c.Cmd,
		ArgsEscaped: c.ArgsEscaped,
		WorkingDir:  c.WorkingDir,
		Labels:      c.Labels,
		Volumes:     c.Volumes,
		StopSignal:  c.StopSignal,
		Shell:       c.Shell,
		OnBuild:     c.OnBuild,
	}
	for port := range c.ExposedPorts {
		if out.ExposedPorts == nil {
			out.ExposedPorts = map[string]struct{}{}
		}
		out.ExposedPorts[strconv.Itoa(int(port.Num()))+"/"+string(port.Proto())] = struct{}{}
	}
	if h := c.Healthcheck; h != nil {
		out.Healthcheck = &v1.HealthConfig{Test: h.Test, Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, Retries: h.Retries}
	}
	return out
}
