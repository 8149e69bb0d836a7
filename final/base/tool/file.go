package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// target splits the words of cp, mv and ln into sources and destination and
// tells under which name a source arrives there.
func (c *call) target() (sources []string, name func(source string) string, err error) {
	if err := c.want(2, "SOURCE… TARGET"); err != nil {
		return nil, nil, err
	}
	sources, to := c.args[:len(c.args)-1], c.args[len(c.args)-1]
	if info, err := os.Stat(to); err == nil && info.IsDir() {
		return sources, func(s string) string { return filepath.Join(to, filepath.Base(s)) }, nil
	}
	if len(sources) > 1 {
		return nil, nil, fmt.Errorf("%s: not a directory", to)
	}
	return sources, func(string) string { return to }, nil
}

func cp(c *call) error {
	if err := c.options("rRapfdLv", ""); err != nil {
		return err
	}
	sources, name, err := c.target()
	if err != nil {
		return err
	}
	c.args = sources
	return c.each(func(source string) error { return c.copyTree(source, name(source)) })
}

// copyTree copies a file, or with -r whatever there is.
func (c *call) copyTree(from, to string) error {
	deep := c.has('r') || c.has('R') || c.has('a')
	look := os.Stat
	if (deep || c.has('d')) && !c.has('L') {
		look = os.Lstat
	}
	info, err := look(from)
	if err != nil {
		return err
	}
	switch {
	case info.IsDir() && !deep:
		return fmt.Errorf("%s: a directory, and -r was not given", from)
	case info.IsDir():
		err = c.copyDir(from, to, info)
	case info.Mode()&fs.ModeSymlink != 0:
		err = copyLink(from, to)
	case info.Mode().IsRegular() || !deep:
		err = copyFile(from, to, info.Mode().Perm())
	default:
		return fmt.Errorf("%s: neither a file, a directory nor a link", from)
	}
	if err == nil && (c.has('a') || c.has('p')) {
		err = keep(to, info)
	}
	return err
}

// copyDir copies a directory and what is in it.
func (c *call) copyDir(from, to string, info fs.FileInfo) error {
	inside, err := filepath.Rel(from, to)
	if err == nil && inside != ".." && !strings.HasPrefix(inside, "../") {
		return fmt.Errorf("%s: cannot be copied into itself, %s", from, to)
	}
	if err := os.MkdirAll(to, info.Mode().Perm()|0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := c.copyTree(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return os.Chmod(to, info.Mode().Perm())
}

// copyLink makes the same symbolic link again.
func copyLink(from, to string) error {
	text, err := os.Readlink(from)
	if err != nil {
		return err
	}
	if err := os.Remove(to); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.Symlink(text, to)
}

// copyFile copies bytes. A file is never truncated onto itself.
func copyFile(from, to string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	source, err := in.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Stat(to); err == nil && os.SameFile(source, there) {
		return fmt.Errorf("%s and %s are the same file", from, to)
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if closed := out.Close(); err == nil {
		err = closed
	}
	return err
}

// keep gives a copy the owner, mode and times of its source. See
// utimensat(2): a link's own times are meant, not its target's.
func keep(to string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	if err := os.Lchown(to, int(st.Uid), int(st.Gid)); err != nil && os.Geteuid() == 0 {
		return err
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		if err := os.Chmod(to, info.Mode()); err != nil {
			return err
		}
	}
	when := unix.NsecToTimespec(info.ModTime().UnixNano())
	return unix.UtimesNanoAt(unix.AT_FDCWD, to, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
}

func mv(c *call) error {
	if err := c.options("fv", ""); err != nil {
		return err
	}
	sources, name, err := c.target()
	if err != nil {
		return err
	}
	c.args = sources
	return c.each(func(source string) error { return move(source, name(source)) })
}

// move renames, or copies and removes where the kernel cannot rename: between
// file systems, and for a directory of a lower overlay layer. See rename(2).
func move(from, to string) error {
	err := os.Rename(from, to)
	if link, ok := err.(*os.LinkError); !ok || link.Err != unix.EXDEV {
		return err
	}
	all := &call{set: map[byte]string{'a': ""}}
	if err := all.copyTree(from, to); err != nil {
		return err
	}
	return os.RemoveAll(from)
}

func rm(c *call) error {
	if err := c.options("rRfv", ""); err != nil {
		return err
	}
	if len(c.args) == 0 && !c.has('f') {
		return c.want(1, "[-rf] FILE…")
	}
	return c.each(func(name string) error {
		info, err := os.Lstat(name)
		switch {
		case os.IsNotExist(err) && c.has('f'):
			return nil
		case err != nil:
			return err
		case !info.IsDir():
			return os.Remove(name)
		case !c.has('r') && !c.has('R'):
			return fmt.Errorf("%s: a directory, and -r was not given", name)
		case filepath.Clean(name) == "/":
			return fmt.Errorf("refusing to remove /")
		}
		return os.RemoveAll(name)
	})
}

func mkdir(c *call) error {
	if err := c.options("pv", "m"); err != nil {
		return err
	}
	if err := c.want(1, "[-p] [-m MODE] DIRECTORY…"); err != nil {
		return err
	}
	return c.each(func(name string) error {
		make := os.Mkdir
		if c.has('p') {
			make = os.MkdirAll
		}
		if err := make(name, 0o777); err != nil || !c.has('m') {
			return err
		}
		return changeMode(name, c.set['m'])
	})
}

func rmdir(c *call) error {
	return c.each(func(name string) error {
		if err := unix.Rmdir(name); err != nil {
			return &fs.PathError{Op: "rmdir", Path: name, Err: err}
		}
		return nil
	})
}

func touch(c *call) error {
	if err := c.options("acm", "dtr"); err != nil {
		return err
	}
	return c.each(func(name string) error {
		now := time.Now()
		err := os.Chtimes(name, now, now)
		if !os.IsNotExist(err) || c.has('c') {
			return err
		}
		f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o666)
		if err != nil {
			return err
		}
		return f.Close()
	})
}

func ln(c *call) error {
	if err := c.options("sfnv", ""); err != nil {
		return err
	}
	if len(c.args) == 1 {
		c.args = append(c.args, filepath.Base(c.args[0]))
	}
	sources, name, err := c.target()
	if err != nil {
		return err
	}
	link := os.Link
	if c.has('s') {
		link = os.Symlink
	}
	c.args = sources
	return c.each(func(source string) error {
		to := name(source)
		if c.has('f') {
			if err := os.Remove(to); err != nil && !os.IsNotExist(err) {
				return err
			}
		}
		return link(source, to)
	})
}
