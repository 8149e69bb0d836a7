package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/interp"
)

// withUmask does one thing under the mask of the calling shell. See umask(2).
func (c command) withUmask(do func() error) error {
	v := c.hc.Env.Get(varUmask)
	if !v.IsSet() {
		return do()
	}
	mask, err := strconv.ParseUint(v.String(), 8, 16)
	if err != nil {
		return do()
	}
	c.masked.Lock()
	defer c.masked.Unlock()
	defer unix.Umask(unix.Umask(int(mask)))
	return do()
}

// open opens the files of redirections.
func (s *shell) open(ctx context.Context, path string, flag int, perm os.FileMode) (io.ReadWriteCloser, error) {
	c := command{shell: s, ctx: ctx, hc: interp.HandlerCtx(ctx)}
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.hc.Dir, path)
	}
	var f *os.File
	do := func() (err error) {
		f, err = os.OpenFile(path, flag, perm)
		return err
	}
	var err error
	if flag&os.O_CREATE == 0 {
		err = do() // may block on a fifo, and must not hold the lock then
	} else {
		err = c.withUmask(do)
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

// program runs a program in the foreground of its (sub)shell.
func (c command) program() error {
	job := c.jobOf(c.hc.Env)
	cmd, err := c.launch()
	if err != nil {
		c.began(job, 0)
		return c.fail(c.explain(err))
	}
	c.began(job, cmd.Process.Pid)
	defer c.ended(job, cmd.Process.Pid)
	done := make(chan error, 1)
	go func() { done <- c.reaped(cmd) }()
	for {
		select {
		case err := <-done:
			return c.fail(c.exitCode(err))
		case sig := <-c.prompt():
			if err := c.runTrap(sig); err != nil {
				_ = cmd.Process.Signal(syscall.SIGTERM) // the shell ends, and it with it
				return err
			}
		}
	}
}

// launch starts the program, or a script without a #! line in a shell.
func (c command) launch() (*exec.Cmd, error) {
	path, err := c.lookup()
	if err != nil {
		return nil, err
	}
	c.mu.Lock() // so that reap never sees a program of ours that is not in own
	defer c.mu.Unlock()
	cmd := c.command(path, c.args)
	err = c.withUmask(cmd.Start)
	if errors.Is(err, syscall.ENOEXEC) {
		cmd = c.command("/proc/self/exe", append([]string{"sh", path}, c.args[1:]...))
		err = c.withUmask(cmd.Start)
	}
	if err == nil {
		c.own[cmd.Process.Pid] = true
	}
	return cmd, err
}

// reaped waits for a program of ours.
func (c command) reaped(cmd *exec.Cmd) error {
	err := cmd.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.own, cmd.Process.Pid)
	return err
}

// command describes a program with the streams and directory of its shell.
func (c command) command(path string, args []string) *exec.Cmd {
	return &exec.Cmd{
		Path: path, Args: args, Env: environ(c.hc.Env), Dir: c.hc.Dir,
		Stdin: c.hc.Stdin, Stdout: c.hc.Stdout, Stderr: c.hc.Stderr,
	}
}

// lookup finds a program in PATH, and tells a missing one from one that may
// not be executed.
func (c command) lookup() (string, error) {
	name := c.args[0]
	dirs := []string{""}
	if !strings.Contains(name, "/") {
		dirs = filepath.SplitList(c.hc.Env.Get("PATH").String())
	}
	found := error(fs.ErrNotExist)
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if !filepath.IsAbs(path) {
			path = filepath.Join(c.hc.Dir, path)
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
		case info.IsDir() || info.Mode()&0o111 == 0:
			found = fs.ErrPermission
		default:
			return path, nil
		}
	}
	return "", found
}

// explain says why a program does not run and answers 127 or 126.
func (c command) explain(err error) int {
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(c.hc.Stderr, "sh: %s: not found\n", c.args[0])
		return 127
	}
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		err = path.Err
	}
	fmt.Fprintf(c.hc.Stderr, "sh: %s: %v\n", c.args[0], err)
	return 126
}

// exitCode is what $? shows: the code, or 128 and the signal's number.
func (c command) exitCode(err error) int {
	exit := (*exec.ExitError)(nil)
	if !errors.As(err, &exit) {
		return 0
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}

// replace is `exec PROGRAM`: the shell becomes the program. See execve(2). A
// subshell is no process that could be replaced; it runs the program and ends.
func (c command) replace() error {
	if !c.main() {
		err := c.program()
		return c.hc.Builtin(c.ctx, []string{"exit", itoa(c.code(err))})
	}
	path, err := c.lookup()
	if err == nil {
		err = c.become(path)
	}
	return c.hc.Builtin(c.ctx, []string{"exit", itoa(c.explain(err))})
}

// become puts the streams in place and executes. See dup3(2) and umask(2).
func (c command) become(path string) error {
	for fd, stream := range []any{c.hc.Stdin, c.hc.Stdout, c.hc.Stderr} {
		f, ok := stream.(*os.File)
		if !ok || int(f.Fd()) == fd {
			continue
		}
		if err := unix.Dup3(int(f.Fd()), fd, 0); err != nil {
			return fmt.Errorf("dup3 %d to %d: %w", f.Fd(), fd, err)
		}
	}
	if err := os.Chdir(c.hc.Dir); err != nil {
		return err
	}
	if v := c.hc.Env.Get(varUmask); v.IsSet() {
		mask, _ := strconv.ParseUint(v.String(), 8, 16)
		unix.Umask(int(mask))
	}
	err := syscall.Exec(path, c.args, environ(c.hc.Env))
	if errors.Is(err, syscall.ENOEXEC) {
		err = syscall.Exec("/proc/self/exe", append([]string{"sh", path}, c.args[1:]...), environ(c.hc.Env))
	}
	return err
}
