// Package device says which device nodes the processes of a group may open or
// make. A node in /dev is no protection by itself: whoever has CAP_MKNOD can
// make one for the disk of the host. So the kernel is told what may be done
// with which numbers: on v1 through the files of the devices controller, on
// v2, which has none, by a small program that it runs on each attempt.
//
// It stands beside package cgroup, and not in it, because the monitor of a
// container is linked with that one and must stay small.
package device

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"drydock/02-cgroups/cgroup"
)

// Any as a number stands for all numbers.
const Any = -1

// A Rule speaks of one kind of devices. Where several fit, the last one
// counts; where none does, the answer is no.
type Rule struct {
	Allow        bool
	Type         string // "c" for characters, "b" for blocks, "a" for both
	Major, Minor int64  // or Any
	Access       string // of "rwm": read, write, mknod
}

// String writes the rule as v1 reads it: "c 1:3 rwm".
func (r Rule) String() string {
	return fmt.Sprintf("%s %s:%s %s", r.Type, star(r.Major), star(r.Minor), r.Access)
}

func star(n int64) string {
	if n == Any {
		return "*"
	}
	return strconv.FormatInt(n, 10)
}

// Parse reads a rule that allows, as docker run --device-cgroup-rule has it.
func Parse(text string) (Rule, error) {
	f := strings.Fields(text)
	if len(f) != 3 {
		return Rule{}, fmt.Errorf("device rule %q is not like \"c 1:3 rwm\"", text)
	}
	major, minor, ok := strings.Cut(f[1], ":")
	r := Rule{Allow: true, Type: f[0], Access: f[2]}
	var err1, err2 error
	r.Major, err1 = number(major)
	r.Minor, err2 = number(minor)
	if !ok || err1 != nil || err2 != nil {
		return Rule{}, fmt.Errorf("device rule %q: %q is not like \"1:3\" or \"1:*\"", text, f[1])
	}
	return r, r.check()
}

func number(text string) (int64, error) {
	if text == "*" {
		return Any, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	return int64(n), err
}

func (r Rule) check() error {
	if r.Type != "a" && r.Type != "b" && r.Type != "c" {
		return fmt.Errorf("device rule %q: its type is not a, b or c", r)
	}
	if r.Access == "" || strings.Trim(r.Access, "rwm") != "" {
		return fmt.Errorf("device rule %q: its access is not of r, w and m", r)
	}
	return nil
}

// Default is what Docker allows every container: to make any node, and to use
// those that hold nothing of the host.
func Default() []Rule {
	rules := []Rule{
		{true, "c", Any, Any, "m"},
		{true, "b", Any, Any, "m"},
		{true, "c", 5, 0, "rwm"},     // tty
		{true, "c", 5, 1, "rwm"},     // console
		{true, "c", 5, 2, "rwm"},     // ptmx
		{true, "c", 136, Any, "rwm"}, // pts
	}
	for _, memory := range []int64{3, 5, 7, 8, 9} { // null, zero, full, random, urandom
		rules = append(rules, Rule{true, "c", 1, memory, "rwm"})
	}
	return rules
}

// All is what a privileged container gets.
func All() []Rule { return []Rule{{true, "a", Any, Any, "rwm"}} }

// Apply holds the group to the rules, before anybody is in it: what is open
// already stays open.
func Apply(g *cgroup.Group, rules []Rule) error {
	for _, r := range rules {
		if err := r.check(); err != nil {
			return err
		}
	}
	apply := legacy
	if g.Version() == 2 {
		apply = attach
	}
	dir, ok := g.Dir("devices")
	if !ok {
		return fmt.Errorf("group %s: this machine has no devices controller", g.Name())
	}
	if err := apply(dir, rules); err != nil {
		return fmt.Errorf("devices of group %s: %w", g.Name(), err)
	}
	return nil
}

// legacy writes the rules for v1, after one that takes everything away: a new
// group has what its parent has. See the kernel's cgroup-v1/devices.rst.
func legacy(dir string, rules []Rule) error {
	if err := write(dir, "devices.deny", "a"); err != nil {
		return err
	}
	for _, r := range rules {
		name := "devices.deny"
		if r.Allow {
			name = "devices.allow"
		}
		if err := write(dir, name, r.String()); err != nil {
			return err
		}
	}
	return nil
}

// write gives one rule to the kernel. See open(2) and write(2).
func write(dir, name, text string) error {
	path := filepath.Join(dir, name)
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		return fmt.Errorf("write %q: %w", text, err)
	}
	return nil
}
