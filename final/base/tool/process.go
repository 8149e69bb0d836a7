package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ps lists the processes that /proc shows, which in a container are its own.
// See proc_pid_stat(5) and proc_pid_cmdline(5).
func ps(c *call) error {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	fmt.Fprintln(c.out, "PID   USER     COMMAND")
	for _, pid := range pids {
		info, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
		if err != nil {
			continue // it ended between the two looks
		}
		owner := "?"
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			owner = named("/etc/passwd", strconv.Itoa(int(st.Uid)))
		}
		fmt.Fprintf(c.out, "%5d %-8s %s\n", pid, owner, commandLine(pid))
	}
	return nil
}

// commandLine is a process's words; those of the kernel have only a name.
func commandLine(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if words := strings.TrimRight(string(text), "\x00"); err == nil && words != "" {
		return strings.ReplaceAll(words, "\x00", " ")
	}
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return "[" + strings.TrimSpace(string(name)) + "]"
}

// kill sends a signal. See kill(2): a negative number means a whole group.
func kill(c *call) error {
	if len(c.args) > 0 && c.args[0] == "-l" {
		for n := syscall.Signal(1); n < 32; n++ {
			fmt.Fprintf(c.out, "%2d) %s\n", n, unix.SignalName(n))
		}
		return nil
	}
	sig := unix.SIGTERM
	if len(c.args) > 1 && c.args[0][0] == '-' {
		name := c.args[0][1:]
		c.args = c.args[1:]
		if name == "s" {
			name, c.args = c.args[0], c.args[1:]
		}
		var err error
		if sig, err = signalNumber(name); err != nil {
			return err
		}
	}
	if err := c.want(1, "[-SIGNAL] PID…"); err != nil {
		return err
	}
	return c.each(func(word string) error {
		pid, err := strconv.Atoi(word)
		if err != nil {
			return fmt.Errorf("not a process id: %q", word)
		}
		if err := unix.Kill(pid, sig); err != nil {
			return fmt.Errorf("%d: %w", pid, err)
		}
		return nil
	})
}

// signalNumber reads TERM, SIGTERM or 15. 0 asks only whether the process is
// there.
func signalNumber(name string) (unix.Signal, error) {
	if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < 65 {
		return unix.Signal(n), nil
	}
	if sig := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG")); sig != 0 {
		return sig, nil
	}
	return 0, fmt.Errorf("unknown signal %q", name)
}

// duration adds up words such as 1, 0.5, 10s, 2m, 1h, 1d.
func duration(words []string) (time.Duration, error) {
	units := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	var all time.Duration
	for _, word := range words {
		if word == "infinity" || word == "inf" {
			return 1<<63 - 1, nil
		}
		unit, text := time.Second, word
		if last := len(word) - 1; last > 0 && units[word[last]] != 0 {
			unit, text = units[word[last]], word[:last]
		}
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || n < 0 {
			return 0, fmt.Errorf("not a time: %q", word)
		}
		all += time.Duration(n * float64(unit))
	}
	return all, nil
}

func sleep(c *call) error {
	if err := c.want(1, "SECONDS"); err != nil {
		return err
	}
	d, err := duration(c.args)
	if err != nil {
		return err
	}
	time.Sleep(d)
	return nil
}

func env(c *call) error {
	vars := os.Environ()
	if len(c.args) > 0 && (c.args[0] == "-i" || c.args[0] == "-") {
		vars, c.args = nil, c.args[1:]
	}
	for len(c.args) > 0 && strings.Contains(c.args[0], "=") {
		name, _, _ := strings.Cut(c.args[0], "=")
		vars = slices.DeleteFunc(vars, func(v string) bool { return strings.HasPrefix(v, name+"=") })
		vars, c.args = append(vars, c.args[0]), c.args[1:]
	}
	if len(c.args) == 0 {
		for _, v := range vars {
			fmt.Fprintln(c.out, v)
		}
		return nil
	}
	path, err := exec.LookPath(c.args[0])
	if err != nil {
		fmt.Fprintf(os.Stderr, "env: %s: not found\n", c.args[0])
		return status(127)
	}
	return &os.PathError{Op: "exec", Path: path, Err: syscall.Exec(path, c.args, vars)}
}

// xargs makes arguments of its input.
func xargs(c *call) error {
	if err := c.options("0rt", "nI"); err != nil {
		return err
	}
	items, err := c.items()
	if err != nil {
		return err
	}
	if len(c.args) == 0 {
		c.args = []string{"echo"}
	}
	size := max(len(items), 1)
	if c.has('n') {
		if size, err = strconv.Atoi(c.set['n']); err != nil || size < 1 {
			return fmt.Errorf("not a number of arguments: %q", c.set['n'])
		}
	}
	if c.has('I') {
		size = 1
	}
	if len(items) == 0 {
		return nil
	}
	for group := range slices.Chunk(items, size) {
		if err := c.runWith(group); err != nil {
			return err
		}
	}
	return nil
}

// items cuts the input into arguments: at NUL, at newlines with -I, or at
// white space.
func (c *call) items() ([]string, error) {
	var all []string
	err := eachLine(c.in, func(line string) error {
		switch {
		case c.has('0'):
			all = append(all, strings.Split(strings.TrimSuffix(line, "\x00"), "\x00")...)
		case c.has('I'):
			all = append(all, line)
		default:
			all = append(all, strings.Fields(line)...)
		}
		return nil
	})
	return all, err
}

// runWith runs the command once. Its exit code is xargs' own 123.
func (c *call) runWith(items []string) error {
	words := append(slices.Clone(c.args), items...)
	if c.has('I') {
		words = words[:len(c.args)]
		for i := range words {
			words[i] = strings.ReplaceAll(words[i], c.set['I'], items[0])
		}
	}
	c.out.Flush()
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return status(123)
	}
	if err != nil {
		return fmt.Errorf("%s: not found", filepath.Base(words[0]))
	}
	return nil
}
