package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A listed file is what ls shows: a name and what lstat says of it.
type listed struct {
	name string
	info fs.FileInfo
	path string
}

func ls(c *call) error {
	if err := c.options("laA1dRhtrSinF", ""); err != nil {
		return err
	}
	if len(c.args) == 0 {
		c.args = []string{"."}
	}
	var files, dirs []listed
	failed := c.each(func(name string) error {
		info, err := os.Lstat(name)
		if err == nil && info.Mode()&fs.ModeSymlink != 0 && !c.has('l') {
			info, err = os.Stat(name)
		}
		if err != nil {
			return err
		}
		if info.IsDir() && !c.has('d') {
			dirs = append(dirs, listed{name, info, name})
		} else {
			files = append(files, listed{name, info, name})
		}
		return nil
	})
	c.show(files)
	for i, dir := range dirs {
		if len(dirs)+len(files) > 1 || c.has('R') {
			fmt.Fprintf(c.out, "%s%s:\n", strings.Repeat("\n", min(1, i+len(files))), dir.name)
		}
		if err := c.listDir(dir.path); err != nil {
			return err
		}
	}
	return failed
}

// listDir shows one directory, and with -R those below it.
func (c *call) listDir(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var all []listed
	if c.has('a') {
		for _, name := range []string{".", ".."} {
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
				all = append(all, listed{name, info, name})
			}
		}
	}
	for _, e := range entries {
		if e.Name()[0] == '.' && !c.has('a') && !c.has('A') {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // it went away meanwhile, as in /proc
		}
		all = append(all, listed{e.Name(), info, filepath.Join(dir, e.Name())})
	}
	c.show(all)
	for _, f := range all {
		if c.has('R') && f.info.IsDir() && f.name != "." && f.name != ".." {
			fmt.Fprintf(c.out, "\n%s:\n", f.path)
			if err := c.listDir(f.path); err != nil {
				return err
			}
		}
	}
	return nil
}

// show prints files in the order that the options ask for.
func (c *call) show(all []listed) {
	slices.SortStableFunc(all, func(a, b listed) int {
		switch {
		case c.has('t'):
			return b.info.ModTime().Compare(a.info.ModTime())
		case c.has('S'):
			return int(b.info.Size() - a.info.Size())
		}
		return strings.Compare(a.name, b.name)
	})
	if c.has('r') {
		slices.Reverse(all)
	}
	for _, f := range all {
		if c.has('l') {
			c.long(f)
		} else {
			fmt.Fprintln(c.out, f.name)
		}
	}
}

// long prints one line of ls -l.
func (c *call) long(f listed) {
	st, ok := f.info.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	owner, group := strconv.Itoa(int(st.Uid)), strconv.Itoa(int(st.Gid))
	if !c.has('n') {
		owner, group = named("/etc/passwd", owner), named("/etc/group", group)
	}
	size := strconv.FormatInt(f.info.Size(), 10)
	if c.has('h') {
		size = human(uint64(f.info.Size()))
	}
	if f.info.Mode()&fs.ModeDevice != 0 {
		size = fmt.Sprintf("%d, %d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	}
	name := f.name
	if text, err := os.Readlink(f.path); err == nil {
		name += " -> " + text
	}
	when := f.info.ModTime().Format("Jan _2 15:04")
	if time.Since(f.info.ModTime()) > 180*24*time.Hour {
		when = f.info.ModTime().Format("Jan _2  2006")
	}
	fmt.Fprintf(c.out, "%s %4d %-8s %-8s %9s %s %s\n", modeText(st.Mode), st.Nlink, owner, group, size, when, name)
}

// modeText writes a mode as ls does, which is not how Go does. See inode(7).
func modeText(mode uint32) string {
	kinds := map[uint32]byte{unix.S_IFDIR: 'd', unix.S_IFLNK: 'l', unix.S_IFCHR: 'c', unix.S_IFBLK: 'b', unix.S_IFIFO: 'p', unix.S_IFSOCK: 's'}
	text := []byte("-rwxrwxrwx")
	if kind, ok := kinds[mode&unix.S_IFMT]; ok {
		text[0] = kind
	}
	for i := range 9 {
		if mode&(1<<(8-i)) == 0 {
			text[i+1] = '-'
		}
	}
	for i, bit := range []uint32{unix.S_ISUID, unix.S_ISGID, unix.S_ISVTX} {
		if mode&bit == 0 {
			continue
		}
		mark := "sst"[i]
		if text[3*i+3] == '-' {
			mark -= 'a' - 'A'
		}
		text[3*i+3] = mark
	}
	return string(text)
}

// human writes a size with one of the letters K, M, G, T.
func human(size uint64) string {
	value, unit := float64(size), ""
	for _, next := range []string{"K", "M", "G", "T"} {
		if value < 1024 {
			break
		}
		value, unit = value/1024, next
	}
	if unit == "" {
		return strconv.FormatUint(size, 10)
	}
	return strconv.FormatFloat(value, 'f', 1, 64) + unit
}

func stat(c *call) error {
	if err := c.options("L", "c"); err != nil {
		return err
	}
	return c.each(func(name string) error {
		var st unix.Stat_t
		look := unix.Lstat
		if c.has('L') {
			look = unix.Stat
		}
		if err := look(name, &st); err != nil {
			return &fs.PathError{Op: "stat", Path: name, Err: err}
		}
		form := "  File: %n\n  Size: %s\tInode: %i\tLinks: %h\nAccess: (%a/%A)  Uid: %u/%U  Gid: %g/%G\nModify: %y"
		if c.has('c') {
			form = c.set['c']
		}
		_, err := fmt.Fprintln(c.out, describe(form, name, &st))
		return err
	})
}

// describe fills in the form of stat -c.
func describe(form, name string, st *unix.Stat_t) string {
	uid, gid := strconv.Itoa(int(st.Uid)), strconv.Itoa(int(st.Gid))
	sec, nsec := st.Mtim.Unix()
	return strings.NewReplacer(
		"%n", name, "%s", strconv.FormatInt(st.Size, 10), "%i", strconv.FormatUint(st.Ino, 10),
		"%h", fmt.Sprint(st.Nlink), "%a", strconv.FormatUint(uint64(st.Mode&0o7777), 8), "%A", modeText(st.Mode),
		"%u", uid, "%U", named("/etc/passwd", uid), "%g", gid, "%G", named("/etc/group", gid),
		"%Y", strconv.FormatInt(sec, 10), "%y", time.Unix(sec, nsec).Format("2006-01-02 15:04:05.000000000 -0700"),
		"%t", strconv.FormatUint(uint64(unix.Major(st.Rdev)), 16), "%T", strconv.FormatUint(uint64(unix.Minor(st.Rdev)), 16),
		"%d", fmt.Sprint(st.Dev), `\n`, "\n",
	).Replace(form)
}

func readlink(c *call) error {
	if err := c.options("fn", ""); err != nil {
		return err
	}
	return c.each(func(name string) error {
		text, err := os.Readlink(name)
		if c.has('f') {
			if text, err = filepath.EvalSymlinks(name); err == nil {
				text, err = filepath.Abs(text)
			}
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.out, text)
		return err
	})
}

func basename(c *call) error {
	if err := c.want(1, "PATH [SUFFIX]"); err != nil {
		return err
	}
	name := filepath.Base(c.args[0])
	if len(c.args) > 1 && name != c.args[1] {
		name = strings.TrimSuffix(name, c.args[1])
	}
	_, err := fmt.Fprintln(c.out, name)
	return err
}

func dirname(c *call) error {
	if err := c.want(1, "PATH"); err != nil {
		return err
	}
	path := c.args[0]
	if trimmed := strings.TrimRight(path, "/"); trimmed != "" {
		path = trimmed
	}
	_, err := fmt.Fprintln(c.out, filepath.Dir(path))
	return err
}

func pwd(c *call) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, dir)
	return err
}

func mktemp(c *call) error {
	if err := c.options("dqu", "pt"); err != nil {
		return err
	}
	dir, name := os.TempDir(), "tmp.*"
	if c.has('p') {
		dir = c.set['p']
	}
	if len(c.args) > 0 {
		dir = filepath.Dir(c.args[0])
		name = strings.TrimRight(filepath.Base(c.args[0]), "X") + "*"
	}
	if c.has('d') {
		path, err := os.MkdirTemp(dir, name)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.out, path)
		return err
	}
	f, err := os.CreateTemp(dir, name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintln(c.out, f.Name())
	return err
}

func which(c *call) error {
	return c.each(func(name string) error {
		for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
			path := filepath.Join(dir, name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				_, err := fmt.Fprintln(c.out, path)
				return err
			}
		}
		return status(1)
	})
}
