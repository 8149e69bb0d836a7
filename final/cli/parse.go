package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"
)

func streamName(text string) (string, error) {
	name := strings.ToLower(text)
	if !slices.Contains([]string{"stdin", "stdout", "stderr"}, name) {
		return "", errors.New("valid streams are STDIN, STDOUT and STDERR")
	}
	return name, nil
}

// swap reads --memory-swap: a size, or -1 for no limit.
func swap(text string) (int64, error) {
	if text == "-1" {
		return -1, nil
	}
	return units.RAMInBytes(text)
}

// nanoCPUs reads "1.5" exactly, as a fraction of 10^9.
func nanoCPUs(text string) (int64, error) {
	cpus, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, fmt.Errorf("failed to parse %v as a rational number", text)
	}
	nano := cpus.Mul(cpus, big.NewRat(1e9, 1))
	if !nano.IsInt() {
		return 0, errors.New("value is too precise")
	}
	return nano.Num().Int64(), nil
}

// variable reads -e: one without "=" has the value that it has here. One that
// has none here goes as it is, and takes the image's away.
func variable(text string) (string, error) {
	name, _, has := strings.Cut(text, "=")
	if name == "" {
		return "", errors.New("invalid environment variable: " + text)
	}
	if line, ok := here(name); !has && ok {
		return line, nil
	}
	return text, nil
}

// here looks a variable up where the command line runs.
func here(name string) (line string, ok bool) {
	value, ok := os.LookupEnv(name)
	return name + "=" + value, ok
}

// bare is what a label without a value has.
func bare(name string) (line string, ok bool) { return name, true }

// lines reads files of variables or labels, then what the flags say, which
// counts more. alone says what a name without a value means in a file.
func lines(files, given []string, alone func(string) (string, bool)) ([]string, error) {
	var all []string
	for _, name := range files {
		more, err := linesOf(name, alone)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return append(all, given...), nil
}

// linesOf reads one such file.
func linesOf(name string, alone func(string) (string, bool)) (all []string, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	b = bytes.TrimPrefix(b, []byte("\uFEFF")) // how some editors begin a file
	for scanner := bufio.NewScanner(bytes.NewReader(b)); scanner.Scan(); {
		line := strings.TrimLeft(scanner.Text(), " \t")
		if line == "" || line[0] == '#' {
			continue
		}
		key, _, has := strings.Cut(line, "=")
		switch {
		case key == "":
			return nil, fmt.Errorf("invalid env file (%s): no variable name on line '%s'", name, line)
		case strings.ContainsAny(key, " \t"):
			return nil, fmt.Errorf("invalid env file (%s): variable '%s' contains whitespaces", name, key)
		case has:
			all = append(all, line)
		default:
			if line, ok := alone(key); ok {
				all = append(all, line)
			}
		}
	}
	return all, nil
}

// pairs splits a list of "key=value".
func pairs(list []string) map[string]string {
	m := map[string]string{}
	for _, text := range list {
		key, value, _ := strings.Cut(text, "=")
		m[key] = value
	}
	return m
}

// bind makes a relative host path absolute: the daemon runs elsewhere.
func bind(v string) string {
	source, rest, _ := strings.Cut(v, ":")
	return absolute(source) + ":" + rest
}

// absolute turns a path that begins with a dot into one from the root.
func absolute(path string) string {
	if path != "." && path != ".." && !strings.HasPrefix(path, "./") && !strings.HasPrefix(path, "../") {
		return path
	}
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// deviceMapping reads "/dev/fuse[:/dev/inside][:rwm]".
func deviceMapping(text string) (container.DeviceMapping, error) {
	parts := strings.Split(text, ":")
	m := container.DeviceMapping{PathOnHost: parts[0], PathInContainer: parts[0], CgroupPermissions: "rwm"}
	switch {
	case len(parts) > 3:
		return m, errors.New("invalid device specification: " + text)
	case len(parts) == 3:
		m.PathInContainer, m.CgroupPermissions = parts[1], parts[2]
	case len(parts) == 2 && parts[1] != "" && strings.Trim(parts[1], "rwm") == "":
		m.CgroupPermissions = parts[1]
	case len(parts) == 2:
		m.PathInContainer = parts[1]
	}
	switch {
	case !strings.HasPrefix(m.PathInContainer, "/"):
		return m, fmt.Errorf("%s is not an absolute path", m.PathInContainer)
	case m.CgroupPermissions == "" || strings.Trim(m.CgroupPermissions, "rwm") != "":
		return m, fmt.Errorf("bad mode specified: %s", m.CgroupPermissions)
	}
	return m, nil
}

func sysctl(text string) (string, error) {
	if name, _, has := strings.Cut(text, "="); !has || name == "" {
		return "", fmt.Errorf("sysctl '%s' is not allowed", text)
	}
	return text, nil
}

func address(text string) (netip.Addr, error) {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return ip, errors.New("IP address is not correctly formatted: " + text)
	}
	return ip, nil
}

// extraHost reads "name:ip" or "name=ip", as the API wants "name:ip".
func extraHost(text string) (string, error) {
	name, ip, has := strings.Cut(text, "=")
	if !has {
		name, ip, has = strings.Cut(text, ":")
	}
	if !has || name == "" {
		return "", fmt.Errorf("bad format for add-host: %q", text)
	}
	if len(ip) > 2 && ip[0] == '[' && ip[len(ip)-1] == ']' {
		ip = ip[1 : len(ip)-1]
	}
	if _, err := netip.ParseAddr(ip); err != nil && ip != "host-gateway" {
		return "", fmt.Errorf("invalid IP address in add-host: %q", ip)
	}
	return name + ":" + ip, nil
}

// capabilities writes names of capabilities as the kernel's headers do, each
// of them once.
func capabilities(list []string) (names []string) {
	for _, name := range list {
		name = strings.ToUpper(strings.TrimSpace(name))
		if name != "ALL" {
			name = "CAP_" + strings.TrimPrefix(name, "CAP_")
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// securityOptions sends the text of a seccomp profile in place of its name:
// the daemon cannot read our files.
func securityOptions(list []string) ([]string, error) {
	for i, option := range list {
		key, value, has := strings.Cut(option, "=")
		if !has && key != "no-new-privileges" {
			key, value, has = strings.Cut(option, ":")
			if !has {
				return nil, fmt.Errorf("Invalid --security-opt: %q", option) //lint:ignore ST1005 Docker's sentence
			}
		}
		if key != "seccomp" || value == "unconfined" || value == "builtin" {
			continue
		}
		profile, err := os.ReadFile(value)
		if err != nil {
			return nil, fmt.Errorf("opening seccomp profile (%s) failed: %w", value, err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, profile); err != nil {
			return nil, fmt.Errorf("compacting json for seccomp profile (%s) failed: %w", value, err)
		}
		list[i] = "seccomp=" + compact.String()
	}
	return list, nil
}
