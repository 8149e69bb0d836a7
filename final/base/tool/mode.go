package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

func chmod(c *call) error {
	deep := len(c.args) > 0 && c.args[0] == "-R"
	if deep {
		c.args = c.args[1:]
	}
	if err := c.want(2, "[-R] MODE FILE…"); err != nil {
		return err
	}
	mode := c.args[0]
	c.args = c.args[1:]
	return c.each(func(name string) error {
		return walk(name, deep, func(path string) error { return changeMode(path, mode) })
	})
}

// walk visits one name, or everything below it.
func walk(name string, deep bool, do func(path string) error) error {
	if !deep {
		return do(name)
	}
	return filepath.WalkDir(name, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return do(path)
	})
}

// changeMode sets an octal mode, or changes it by letters: u+x,go-w, a=r.
func changeMode(name, mode string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	bits, err := strconv.ParseUint(mode, 8, 12)
	if err != nil {
		if bits, err = letters(mode, info.Mode()); err != nil {
			return err
		}
	}
	if err := unix.Chmod(name, uint32(bits)); err != nil {
		return &fs.PathError{Op: "chmod", Path: name, Err: err}
	}
	return nil
}

// letters applies a symbolic mode to the mode that is there. See chmod(1p).
func letters(mode string, now fs.FileMode) (uint64, error) {
	bits := uint64(now.Perm())
	for bit, flag := range map[uint64]fs.FileMode{0o4000: fs.ModeSetuid, 0o2000: fs.ModeSetgid, 0o1000: fs.ModeSticky} {
		if now&flag != 0 {
			bits |= bit
		}
	}
	for clause := range strings.SplitSeq(mode, ",") {
		at := strings.IndexAny(clause, "+-=")
		if at < 0 {
			return 0, fmt.Errorf("not a mode: %q", mode)
		}
		who, what := classes(clause[:at]), uint64(0)
		for _, letter := range clause[at+1:] {
			bit, ok := map[rune]uint64{'r': 0o444, 'w': 0o222, 'x': 0o111, 'X': 0, 's': 0o6000, 't': 0o1000}[letter]
			if letter == 'X' && (now.IsDir() || now.Perm()&0o111 != 0) {
				bit = 0o111
			}
			if !ok {
				return 0, fmt.Errorf("not a mode: %q", mode)
			}
			what |= bit & who
		}
		switch clause[at] {
		case '+':
			bits |= what
		case '-':
			bits &^= what
		default:
			bits = bits&^(who&0o777) | what
		}
	}
	return bits, nil
}

// classes is the mask of the bits that u, g, o and a stand for.
func classes(who string) uint64 {
	mask := uint64(0)
	for _, class := range who {
		mask |= map[rune]uint64{'u': 0o4700, 'g': 0o2070, 'o': 0o1007, 'a': 0o7777}[class]
	}
	if who == "" {
		return 0o7777
	}
	return mask
}

func chown(c *call) error {
	deep := len(c.args) > 0 && c.args[0] == "-R"
	if deep {
		c.args = c.args[1:]
	}
	if err := c.want(2, "[-R] USER[:GROUP] FILE…"); err != nil {
		return err
	}
	user, group, _ := strings.Cut(c.args[0], ":")
	uid, err := number("/etc/passwd", user)
	if err != nil {
		return err
	}
	gid, err := number("/etc/group", group)
	if err != nil {
		return err
	}
	c.args = c.args[1:]
	return c.each(func(name string) error {
		return walk(name, deep, func(path string) error { return os.Chown(path, uid, gid) })
	})
}

// number finds the id of a name in passwd or group; -1 means "as it is".
func number(file, name string) (int, error) {
	if name == "" {
		return -1, nil
	}
	if id, err := strconv.Atoi(name); err == nil {
		return id, nil
	}
	for _, entry := range database(file) {
		if entry[0] == name {
			return strconv.Atoi(entry[2])
		}
	}
	return 0, fmt.Errorf("%s is not in %s", name, file)
}
