// Command bench measures the engine beside every peer that this machine has:
// crun and runc on a bundle with the same root, docker and podman as whole
// engines. Contenders take turns, run by run, so that a machine whose speed
// drifts spoils no ratio; medians are quoted.
//
//	bench [-n RUNS]
//
// Everything happens in a network namespace and a directory made for it.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

const inside = "DRYDOCK_BENCH_INSIDE"

func main() {
	runs := flag.Int("n", 30, "counted runs of each command")
	flag.Parse()
	if err := run(*runs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run makes the place and goes on inside of it.
func run(runs int) error {
	if os.Getenv(inside) == "" {
		return enclose()
	}
	dir := os.Getenv(inside)
	if err := settle(); err != nil {
		return err
	}
	contenders, stop, err := gather(dir)
	defer stop()
	if err != nil {
		return err
	}
	return measure(contenders, runs)
}

// enclose executes this program again in namespaces of its own.
func enclose() error {
	dir, err := os.MkdirTemp("", "drydock-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inside+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	return cmd.Run()
}

// settle keeps our mounts to ourselves, sets lo up, and hides an empty
// cgroup2 hierarchy beside v1: crun refuses such a pair.
func settle() error {
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		return err
	}
	if _, err := os.Stat("/sys/fs/cgroup/memory"); err == nil {
		syscall.Unmount("/sys/fs/cgroup/unified", syscall.MNT_DETACH) // only here
	}
	return exec.Command("ip", "link", "set", "lo", "up").Run()
}

// binary is the path of one of our programs, beside this one or in PATH.
func binary(name string) string {
	self, _ := os.Executable()
	path := filepath.Join(filepath.Dir(self), name)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	return name
}
