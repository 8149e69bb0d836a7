package cli

import (
	"bufio"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
)

// invalid is the error of a flag's value, in Docker's words.
func invalid(value, flag, why string) error {
	return &statusError{125, fmt.Errorf("invalid argument %q for %q flag: %s\n\nRun 'drydock run --help' for more information", value, flag, why)}
}

// bytesOf reads "64m"; empty is 0.
func bytesOf(flag, text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	n, err := units.RAMInBytes(text)
	if err != nil {
		return 0, invalid(text, flag, err.Error())
	}
	return n, nil
}

// nanoCPUs reads "1.5" exactly, as a fraction of 10^9.
func nanoCPUs(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	cpus, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, invalid(text, "--cpus", fmt.Sprintf("failed to parse %v as a rational number", text))
	}
	nano := cpus.Mul(cpus, big.NewRat(1e9, 1))
	if !nano.IsInt() {
		return 0, invalid(text, "--cpus", "value is too precise")
	}
	return nano.Num().Int64(), nil
}

// environment reads files, then variables; a variable without "=" is taken
// from our own environment, or left out.
func environment(files, variables []string) ([]string, error) {
	var env []string
	for _, name := range files {
		lines, err := envFile(name)
		if err != nil {
			return nil, err
		}
		env = append(env, lines...)
	}
	for _, v := range variables {
		name, _, has := strings.Cut(v, "=")
		if name == "" {
			return nil, invalid(v, "-e, --env", "invalid environment variable: "+v)
		}
		if has {
			env = append(env, v)
		} else if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env, nil
}

func envFile(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, &statusError{125, err}
	}
	defer f.Close()
	var lines []string
	scanner := bufio.NewScanner(f)
	for n := 1; scanner.Scan(); n++ {
		line := strings.TrimLeft(scanner.Text(), " \t")
		if line == "" || line[0] == '#' {
			continue
		}
		key, _, has := strings.Cut(line, "=")
		if strings.ContainsAny(key, " \t") {
			return nil, &statusError{125, fmt.Errorf("invalid env file (%s): variable '%s' contains whitespaces", name, key)}
		}
		if value, ok := os.LookupEnv(key); !has && ok {
			line = key + "=" + value
		} else if !has {
			continue
		}
		lines = append(lines, line)
	}
	return lines, scanner.Err()
}

// pairs reads "key=value" lists.
func pairs(list []string) map[string]string {
	m := map[string]string{}
	for _, text := range list {
		key, value, _ := strings.Cut(text, "=")
		m[key] = value
	}
	return m
}

func tmpfs(list []string) map[string]string {
	m := map[string]string{}
	for _, text := range list {
		target, options, _ := strings.Cut(text, ":")
		m[target] = options
	}
	return m
}

// bind makes a relative host path absolute: the daemon runs elsewhere.
func bind(v string) string {
	source, rest, _ := strings.Cut(v, ":")
	if source == "." || source == ".." || strings.HasPrefix(source, "./") || strings.HasPrefix(source, "../") {
		if abs, err := filepath.Abs(source); err == nil {
			source = abs
		}
	}
	return source + ":" + rest
}

// deviceMappings reads "/dev/fuse[:/dev/inside][:rwm]".
func deviceMappings(list []string) ([]container.DeviceMapping, error) {
	var mappings []container.DeviceMapping
	for _, text := range list {
		parts := strings.Split(text, ":")
		m := container.DeviceMapping{PathOnHost: parts[0], PathInContainer: parts[0], CgroupPermissions: "rwm"}
		switch {
		case len(parts) == 3:
			m.PathInContainer, m.CgroupPermissions = parts[1], parts[2]
		case len(parts) == 2 && strings.Trim(parts[1], "rwm") == "":
			m.CgroupPermissions = parts[1]
		case len(parts) == 2:
			m.PathInContainer = parts[1]
		case len(parts) != 1:
			return nil, &statusError{125, fmt.Errorf("invalid device specification: %s", text)}
		}
		mappings = append(mappings, m)
	}
	return mappings, nil
}

// setMounts reads --mount values.
func (o *createOptions) setMounts(h *container.HostConfig) error {
	for _, text := range o.mounts {
		m, err := mountOf(text)
		if err != nil {
			return invalid(text, "--mount", err.Error())
		}
		h.Mounts = append(h.Mounts, m)
	}
	return nil
}

// mountOf reads "type=bind,source=/a,target=/b,readonly".
func mountOf(text string) (mount.Mount, error) {
	m := mount.Mount{Type: mount.TypeVolume}
	for field := range strings.SplitSeq(text, ",") {
		key, value, has := strings.Cut(field, "=")
		switch strings.ToLower(key) {
		case "type":
			m.Type = mount.Type(strings.ToLower(value))
		case "source", "src":
			m.Source = value
		case "target", "dst", "destination":
			m.Target = value
		case "readonly", "ro":
			m.ReadOnly = !has || value == "true" || value == "1"
		case "bind-propagation":
			m.BindOptions = &mount.BindOptions{Propagation: mount.Propagation(value)}
		case "volume-nocopy":
			m.VolumeOptions = &mount.VolumeOptions{NoCopy: !has || value == "true" || value == "1"}
		case "volume-subpath":
			m.VolumeOptions = &mount.VolumeOptions{Subpath: value}
		case "tmpfs-size":
			size, err := units.RAMInBytes(value)
			if err != nil {
				return m, fmt.Errorf("invalid value for %s: %s", key, value)
			}
			m.TmpfsOptions = &mount.TmpfsOptions{SizeBytes: size}
		default:
			return m, fmt.Errorf("unexpected key '%s' in '%s'", key, field)
		}
	}
	if m.Target == "" {
		return m, fmt.Errorf("target is required")
	}
	if m.Type == mount.TypeBind && strings.HasPrefix(m.Source, ".") {
		abs, err := filepath.Abs(m.Source)
		if err != nil {
			return m, err
		}
		m.Source = abs
	}
	return m, nil
}
