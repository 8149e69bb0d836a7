// Package cgroup puts processes on a diet: one small API over both control
// group hierarchies.
//
// A control group is a directory that the kernel fills with files: make the
// directory, write limits into its files, and let a process enter. There are
// two generations of this. In the unified hierarchy (v2) a group is one
// directory. In the old one (v1) each controller may have a tree of its own,
// and a group is a directory of the same name in each of them. Machines that
// have both ("hybrid") keep their limits in v1.
//
//	limits.go   what may be used, as a table of (file, text)
//	tree.go     where our groups live on this machine
//	delegate.go who may make groups below whom, on v2
//	group.go    a group: create, enter, list, delete
//	set.go      other limits for a group that lives
//	freeze.go   stop, go on, kill
//	stats.go    what was used
//	watch.go    the witness of out-of-memory kills
//
// Which devices a group may open is the business of package device. A group
// that was not made through this package is never written to, except for the
// one that we were started in: v2 wants its subtree_control.
//
// See cgroups(7), and Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst
// of the kernel.
package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A file is one line of text for the kernel: what to write, and where.
type file struct{ name, text string }

// controller is what stands before the first dot: the controllers of v1 are
// found by the names of their files.
func (f file) controller() string {
	name, _, _ := strings.Cut(f.name, ".")
	return name
}

// write gives the kernel one line. It answers at once: a value that it does
// not like is an error of write(2), so the error names file and value.
// See open(2) and write(2).
func write(dir string, f file) error {
	path := filepath.Join(dir, f.name)
	// O_CREAT is for the plain directories of tests: in the kernel's own file
	// system all files are there, and making one is refused.
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	if err != nil {
		if _, missing := os.Lstat(path); errors.Is(missing, fs.ErrNotExist) {
			err = fs.ErrNotExist
		}
		return fmt.Errorf("write %q to %s: %w", f.text, path, err)
	}
	defer unix.Close(fd)
	for {
		_, err = unix.Write(fd, []byte(f.text))
		if err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("write %q to %s: %w", f.text, path, err)
	}
	return nil
}

// read is the content of a file without the final newline.
func read(dir, name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	return strings.TrimSuffix(string(b), "\n"), err
}
