// Command isolate runs a program in a box: the smallest `docker run`.
//
//	isolate [-print] [-root DIR] [-hostname NAME] [-net none|host] [-user] CMD…
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandbox"
)

func main() {
	root := "/"
	flag.Func("root", "directory that becomes / (default /)", func(dir string) (err error) { root, err = filepath.Abs(dir); return err })
	hostname := flag.String("hostname", "box", "host name inside")
	network := flag.String("net", "none", "none: a network of its own; host: ours")
	user := flag.Bool("user", os.Geteuid() != 0, "be root of a new user namespace only")
	list := flag.Bool("print", false, "print the system calls instead of making them")
	flag.Parse()

	spec := describe(root, *hostname, flag.Args())
	if *network == "none" {
		spec.New |= namespace.Net
	}
	if *user {
		spec.New |= namespace.User
	}
	run := start
	if *list {
		run = show
	}
	code, err := run(spec)
	if err != nil {
		fmt.Fprintln(os.Stderr, "isolate:", err)
		code = 125 // not the program's: it did not start
	}
	os.Exit(code)
}

// describe says what the world of the program looks like.
func describe(root, hostname string, args []string) sandbox.Spec {
	return sandbox.Spec{
		Root:          mount.Mount{Type: "bind", Source: root},
		Mounts:        sandbox.DefaultMounts(),
		New:           namespace.Mount | namespace.UTS | namespace.IPC | namespace.PID | namespace.Cgroup,
		Hostname:      hostname,
		Masked:        sandbox.DefaultMasked(),
		ReadonlyPaths: sandbox.DefaultReadonlyPaths(),
		Process:       sandbox.Process{Args: args, Env: os.Environ(), Capabilities: capability.Default()},
	}
}

// start runs the program to its end.
func start(spec sandbox.Spec) (int, error) {
	box, err := sandbox.Spawn(spec, sandbox.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	if err != nil {
		return 0, err
	}
	defer box.Close()
	if err := box.Release(); err != nil { // it exists, but it waits
		return 0, err
	}
	exit, err := box.Wait()
	return exit.Code, err
}
