package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// A contender runs the same work as the others. A command that it does not
// have is nil.
type contender struct {
	name                    string
	version, none, net, run []string // `version`; run --rm with network none; on the bridge; exec
	memory                  func() []footprint
}

// gather starts drydock and what else there is. stop ends it all, also after
// an error.
func gather(dir string) (all []contender, stop func(), err error) {
	var stops []func()
	stop = func() {
		for i := len(stops) - 1; i >= 0; i-- {
			stops[i]()
		}
	}
	ours, end, err := drydock(dir)
	stops = append(stops, end)
	if err != nil {
		return nil, stop, err
	}
	all = append(all, ours)
	root, err := rootfs(dir)
	if err != nil {
		return nil, stop, err
	}
	for _, runtime := range []string{"crun", "runc"} {
		if c, err := bundle(dir, root, runtime); err == nil {
			all = append(all, c)
		} else if !errors.Is(err, exec.ErrNotFound) {
			fmt.Printf("%s is left out: %v\n", runtime, err)
		}
	}
	for _, engine := range []func(string) (contender, func(), error){docker, podman} {
		c, end, err := engine(dir)
		stops = append(stops, end)
		if err == nil {
			all = append(all, c)
		} else if !errors.Is(err, exec.ErrNotFound) {
			fmt.Println(err)
		}
	}
	return all, stop, nil
}

// drydock starts our engine.
func drydock(dir string) (contender, func(), error) {
	host := "unix://" + dir + "/drydock.sock"
	daemon, end, err := start(binary("drydockd"), "-H", host, "--data-root", dir+"/data", "--exec-root", dir+"/run", "--config-file", empty(dir), "--log-level", "error")
	if err != nil {
		return contender{}, end, err
	}
	cli := []string{binary("drydock"), "-H", host}
	c := engine("drydock", cli, "drydock/base")
	c.memory = func() []footprint { return footprints(daemon.Process.Pid, "drydock-shim") }
	return c, end, ready(cli)
}

// docker starts Debian's engine, where it is installed.
func docker(dir string) (contender, func(), error) {
	nothing := func() {}
	for _, program := range []string{"dockerd", "containerd", "docker"} {
		if _, err := exec.LookPath(program); err != nil {
			return contender{}, nothing, exec.ErrNotFound
		}
	}
	host := "unix://" + dir + "/docker.sock"
	daemon, end, err := start("dockerd", "-H", host, "--data-root", dir+"/docker", "--exec-root", dir+"/docker-run", "--pidfile", dir+"/docker.pid", "--config-file", empty(dir))
	if err != nil {
		return contender{}, end, err
	}
	cli := []string{"docker", "-H", host}
	if err := errors.Join(ready(cli), load(cli, dir)); err != nil {
		return contender{}, end, fmt.Errorf("docker is left out: %w", err)
	}
	c := engine("docker", cli, "drydock/base")
	c.memory = func() []footprint { return footprints(daemon.Process.Pid, "containerd-shim") }
	return c, end, nil
}

// podman needs no daemon.
func podman(dir string) (contender, func(), error) {
	nothing := func() {}
	if _, err := exec.LookPath("podman"); err != nil {
		return contender{}, nothing, exec.ErrNotFound
	}
	cli := []string{"podman", "--root", dir + "/podman", "--runroot", dir + "/podman-run", "--cgroup-manager", "cgroupfs", "--storage-driver", "overlay"}
	if err := load(cli, dir); err != nil {
		return contender{}, nothing, fmt.Errorf("podman is left out: %w", err)
	}
	c := engine("podman", cli, "drydock/base")
	for _, run := range []*[]string{&c.none, &c.net} { // its own defaults are above what some machines grant
		*run = slices.Insert(*run, slices.Index(*run, "--rm"), "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
	}
	if _, err := os.Stat("/usr/lib/cni/bridge"); err != nil {
		c.net = nil // it would run, but without a network
	}
	return c, nothing, nil
}

// engine fills in the commands that all engines share.
func engine(name string, cli []string, image string) contender {
	with := func(args ...string) []string { return append(append([]string{}, cli...), args...) }
	return contender{
		name:    name,
		version: with("version"),
		none:    with("run", "--rm", "--network", "none", image, "true"),
		net:     with("run", "--rm", image, "true"),
		run:     with("exec", "bench", "true"),
	}
}

// bundle prepares an OCI bundle for a low-level runtime.
func bundle(dir, root, runtime string) (contender, error) {
	if _, err := exec.LookPath(runtime); err != nil {
		return contender{}, exec.ErrNotFound
	}
	at := filepath.Join(dir, runtime)
	if err := os.Mkdir(at, 0o755); err != nil {
		return contender{}, err
	}
	spec := exec.Command(runtime, "spec")
	spec.Dir = at
	if out, err := spec.CombinedOutput(); err != nil {
		return contender{}, fmt.Errorf("%s spec: %s", runtime, out)
	}
	if err := edit(filepath.Join(at, "config.json"), root); err != nil {
		return contender{}, err
	}
	c := contender{name: runtime, none: []string{runtime, "--root", at + "/state", "run", "--bundle", at, "bench"}}
	if out, err := exec.Command(c.none[0], c.none[1:]...).CombinedOutput(); err != nil {
		return contender{}, fmt.Errorf("%s run: %s", runtime, out)
	}
	c.net = c.none // it knows no bridges: the same work without one, to compare with
	return c, nil
}

// edit points a bundle's config at root and lets it run true, without a
// terminal and, as Docker does, with a writable root.
func edit(path, root string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var config map[string]any
	if err := json.Unmarshal(b, &config); err != nil {
		return err
	}
	process, _ := config["process"].(map[string]any)
	process["args"], process["terminal"] = []string{"true"}, false
	config["root"] = map[string]any{"path": root, "readonly": false}
	if b, err = json.Marshal(config); err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}

// start runs a daemon; end stops it and waits.
func start(program string, args ...string) (*exec.Cmd, func(), error) {
	cmd := exec.Command(program, args...)
	if err := cmd.Start(); err != nil {
		return nil, func() {}, err
	}
	return cmd, func() { cmd.Process.Signal(os.Interrupt); cmd.Wait() }, nil
}

// ready waits until the engine behind cli answers.
func ready(cli []string) error {
	var err error
	for range 200 {
		if err = exec.Command(cli[0], append(cli[1:], "version")...).Run(); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("%s does not answer: %w", cli[0], err)
}

// load gives an engine the base image.
func load(cli []string, dir string) error {
	out, err := exec.Command(cli[0], append(cli[1:], "load", "-i", binary("base.tar"))...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("load the base image: %s", out)
	}
	return nil
}

// rootfs unpacks the base image for the runtimes that know no images.
func rootfs(dir string) (string, error) {
	root := filepath.Join(dir, "root")
	script := `set -e; mkdir -p "$2" "$3"; tar -C "$3" -xf "$1"
for layer in $(tr ',' '\n' <"$3/manifest.json" | sed 's/.*"Layers":\[//' | grep -o '"[^"]*\(layer.tar\|tar.gz\|blobs/sha256/[0-9a-f]*\)"' | tr -d '"'); do
  tar -C "$2" -xf "$3/$layer" 2>/dev/null || true; done`
	out, err := exec.Command("sh", "-c", script, "sh", binary("base.tar"), root, dir+"/archive").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("unpack the base image: %s", out)
	}
	if _, err := os.Lstat(filepath.Join(root, "bin", "true")); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("unpack the base image: there is no /bin/true in it")
	}
	return root, nil
}

// empty is a configuration file without any directive.
func empty(dir string) string {
	path := filepath.Join(dir, "daemon.json")
	os.WriteFile(path, []byte("{}"), 0o644)
	return path
}
