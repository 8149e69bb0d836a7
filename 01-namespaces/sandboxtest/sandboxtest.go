// Package sandboxtest runs the tests of a package in namespaces of their own,
// so that a broken test cannot hurt the machine, and gives them a root file
// system that needs no download: the test binary itself, under many names.
package sandboxtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inside marks the second life of the test binary.
const inside = "DRYDOCK_TEST_INSIDE"

// Main runs the tests of m in new mount, network, pid, ipc and uts
// namespaces: "/" is shared in there, as systemd leaves it, /proc shows the
// new processes, lo is up, and there is no route anywhere. Call it as the
// body of TestMain. programs are what the binary does when it is called by
// one of these names (see Root); each returns its exit status.
//
// It needs root. An ordinary user gets a user namespace of his own, where
// some tests skip (see Need).
func Main(m *testing.M, programs map[string]func() int) {
	run(programs)
	if os.Getenv(inside) == "" {
		os.Exit(again())
	}
	if err := settle(); err != nil {
		fmt.Fprintln(os.Stderr, "sandboxtest:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// run becomes one of the programs when that is what we were called as.
func run(programs map[string]func() int) {
	name := filepath.Base(os.Args[0])
	if program, ok := programs[name]; ok {
		os.Exit(program())
	}
	if program, ok := standard[name]; ok {
		os.Exit(program())
	}
}

// again executes this binary once more, in namespaces of its own. The first
// life only waits: signals reach the whole process group anyhow.
func again() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS,
		Pdeathsig:  syscall.SIGKILL,
	}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	signal.Ignore(os.Interrupt)
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() >= 0:
		return exit.ExitCode()
	}
	fmt.Fprintln(os.Stderr, "sandboxtest:", err)
	return 1
}

// settle makes the new namespaces fit to live in: a shared "/" of our own
// (nothing travels back to the host), our own /proc, and lo up. See mount(2).
func settle() error {
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("make / private: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_SHARED|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("make / shared: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount proc on /proc: %w", err)
	}
	return loopback()
}

// loopback sets lo up: a new network namespace has it, but down. netdevice(7).
func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req); err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return nil
}
