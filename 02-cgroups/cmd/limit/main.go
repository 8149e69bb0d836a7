// Command limit runs a program on a diet, and says how that went.
//
//	limit -m 64m -cpus 0.5 -pids 20 sh
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandbox"
	"drydock/02-cgroups/cgroup"
)

func main() {
	limits, root := cgroup.Limits{}, "/"
	flag.Func("m", "memory, like 64m", func(s string) (err error) { limits.Memory, err = size(s); return err })
	flag.Float64Var(&limits.CPUs, "cpus", 0, "number of CPUs, like 0.5")
	flag.Int64Var(&limits.PIDs, "pids", 0, "number of processes and threads")
	flag.Func("root", "directory that becomes / (default /)", func(dir string) (err error) { root, err = filepath.Abs(dir); return err })
	flag.Parse()
	limits.MemorySwap = limits.Memory // what does not fit is not swapped either

	code, err := run(root, limits, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "limit:", err)
		code = 125
	}
	os.Exit(code)
}

func run(root string, limits cgroup.Limits, args []string) (int, error) {
	tree, err := cgroup.Detect()
	if err != nil {
		return 0, err
	}
	group, err := tree.Create(fmt.Sprintf("drydock-limit-%d", os.Getpid()), limits)
	if err != nil {
		return 0, err
	}
	defer group.Delete()
	doors, err := group.Door()
	if err != nil {
		return 0, err
	}
	box, err := sandbox.Spawn(sandbox.Spec{
		Root:    mount.Mount{Type: "bind", Source: root},
		Mounts:  sandbox.DefaultMounts(),
		New:     namespace.Mount | namespace.IPC | namespace.PID | namespace.Net | namespace.Cgroup,
		Process: sandbox.Process{Args: args, Env: os.Environ(), Capabilities: capability.Default(), Group: doors}, // it walks in by itself
	}, sandbox.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	if err != nil {
		return 0, err
	}
	defer box.Close()
	if err := box.Release(); err != nil {
		return 0, err
	}
	exit, err := box.Wait()
	if err != nil {
		return 0, err
	}
	used, err := group.Stats() // 137 says that somebody sent SIGKILL; here is who
	fmt.Fprintf(os.Stderr, "limit: exit %d, %d out-of-memory kills, at most %d KiB, %d ms of CPU, held back %d times\n",
		exit.Code, used.OOMKills, used.MemoryPeak>>10, used.CPUUsage/1e6, used.CPUThrottled)
	return exit.Code, err
}

// size reads a number of bytes with k, m or g behind it.
func size(text string) (int64, error) {
	number := strings.TrimRight(text, "kmg")
	n, err := strconv.ParseInt(number, 10, 64)
	return n << map[string]int{"k": 10, "m": 20, "g": 30}[text[len(number):]], err
}
