// Command extra holds the programs of the base image that speak HTTP or JSON:
// httpd, fetch (also called wget), ip and probe. They are a program of their
// own because net/http makes every start a millisecond slower.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"drydock/final/base/probe"
)

func main() {
	if os.Getpid() == 1 {
		go dieAsFirst()
	}
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	if name == "extra" && len(args) > 0 {
		name, args = args[0], args[1:]
	}
	if err := run(name, args); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// run performs the program of that name.
func run(name string, args []string) error {
	switch name {
	case "httpd":
		return httpd(args)
	case "fetch", "wget":
		return fetch(name, args)
	case "ip":
		return ip(args)
	case "probe":
		return report(args)
	}
	return errors.New("this program is called httpd, fetch, wget, ip or probe")
}

// dieAsFirst ends the program on the signals that mean it, which the kernel
// does not do for the first process. See pid_namespaces(7).
func dieAsFirst() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	if s, ok := (<-signals).(syscall.Signal); ok {
		os.Exit(128 + int(s))
	}
}

// report prints what a process sees of its world, or with a name one part.
// "probe eat 64m", spin, sleep and the like are the tools of the same names.
func report(args []string) error {
	if len(args) > 0 && args[0][0] != '-' {
		path := filepath.Join("/bin", filepath.Base(args[0]))
		return fmt.Errorf("run %s: %w", path, syscall.Exec(path, args, os.Environ()))
	}
	out := json.NewEncoder(os.Stdout)
	out.SetIndent("", "  ")
	return out.Encode(probe.Read())
}
