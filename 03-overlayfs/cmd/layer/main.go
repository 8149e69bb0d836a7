// Command layer runs a program in many trees that look like one, and lists
// what it has changed. The lower trees stay as they are, so this is harmless:
//
//	layer sh -c 'rm -r /etc; echo new > /hello'
//	layer -lower TOP -lower BOTTOM -upper DIR sh
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandbox"
	"drydock/03-overlayfs/overlay"
)

func main() {
	var lower []string
	flag.Func("lower", "a tree that is only read, the top one first (default /)", func(dir string) error {
		dir, err := filepath.Abs(dir)
		lower = append(lower, dir)
		return err
	})
	upper := flag.String("upper", "", "where writes land, an absolute path (default: nowhere that lasts)")
	flag.Parse()
	if len(lower) == 0 {
		lower = []string{"/"}
	}
	code, err := run(lower, *upper, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "layer:", err)
		code = 125
	}
	os.Exit(code)
}

func run(lower []string, upper string, args []string) (int, error) {
	// The kernel wants the upper tree outside of the lower ones, which may be
	// all of the disk, and its workbench beside it.
	if upper == "" {
		upper = fmt.Sprintf("/dev/shm/layer-%d", os.Getpid())
		defer os.RemoveAll(upper)
	}
	work := upper + ".work"
	defer os.RemoveAll(work)
	for _, dir := range []string{upper, work} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return 0, err
		}
	}
	layers := overlay.Layers{Lower: lower, Upper: upper, Work: work}
	root, err := layers.Mount() // nothing is mounted yet: it is a description
	if err != nil {
		return 0, err
	}
	box, err := sandbox.Spawn(sandbox.Spec{
		Root: root, Mounts: sandbox.DefaultMounts(),
		New:     namespace.Mount | namespace.PID | namespace.IPC | namespace.Net,
		Process: sandbox.Process{Args: args, Env: os.Environ(), Capabilities: capability.Default()},
	}, sandbox.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	if err != nil {
		return 0, err
	}
	defer box.Close()
	if err := box.Release(); err != nil {
		return 0, err
	}
	exit, err := box.Wait() // with its last process, the kernel takes the mounts away
	for change, err := range layers.Changes() {
		if err != nil {
			return 0, err
		}
		fmt.Printf("%c %s\n", change.Kind, change.Path)
	}
	return exit.Code, err
}
