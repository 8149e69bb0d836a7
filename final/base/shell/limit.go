package main

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// umask is `umask [MODE]`. The mask is kept as a variable of the (sub)shell.
// See umask(2).
func (c command) umask() error {
	if len(c.args) == 1 {
		mask := c.hc.Env.Get(varUmask).String()
		if mask == "" {
			c.masked.Lock()
			now := unix.Umask(0)
			unix.Umask(now)
			c.masked.Unlock()
			mask = strconv.FormatInt(int64(now), 8)
		}
		fmt.Fprintf(c.hc.Stdout, "%04s\n", mask)
		return nil
	}
	mask, err := strconv.ParseUint(c.args[1], 8, 9)
	if err != nil {
		fmt.Fprintf(c.hc.Stderr, "umask: %s: not an octal mode\n", c.args[1])
		return c.fail(1)
	}
	return c.assign(varUmask, strconv.FormatUint(mask, 8))
}

// A resource is one limit of getrlimit(2), by its letter and unit.
type resource struct {
	letter byte
	number int
	unit   uint64
	about  string
}

// resources is what ulimit knows.
func resources() []resource {
	return []resource{
		{'c', unix.RLIMIT_CORE, 512, "core file size (blocks)"},
		{'d', unix.RLIMIT_DATA, 1024, "data seg size (kb)"},
		{'f', unix.RLIMIT_FSIZE, 512, "file size (blocks)"},
		{'l', unix.RLIMIT_MEMLOCK, 1024, "max locked memory (kb)"},
		{'n', unix.RLIMIT_NOFILE, 1, "open files"},
		{'s', unix.RLIMIT_STACK, 1024, "stack size (kb)"},
		{'t', unix.RLIMIT_CPU, 1, "cpu time (seconds)"},
		{'u', unix.RLIMIT_NPROC, 1, "max user processes"},
		{'v', unix.RLIMIT_AS, 1024, "virtual memory (kb)"},
	}
}

// ulimit is `ulimit [-SHa] [-LETTER] [VALUE]`. See getrlimit(2). It limits the
// whole shell, also when a subshell asks.
func (c command) ulimit() error {
	letter, soft, hard, all := byte('f'), true, true, false
	args := c.args[1:]
	for len(args) > 0 && len(args[0]) > 1 && args[0][0] == '-' {
		for _, l := range []byte(args[0][1:]) {
			switch l {
			case 'S':
				hard = false
			case 'H':
				soft = false
			case 'a':
				all = true
			default:
				letter = l
			}
		}
		args = args[1:]
	}
	for _, r := range resources() {
		switch {
		case all:
			fmt.Fprintf(c.hc.Stdout, "-%c: %-26s %s\n", r.letter, r.about, r.show(soft))
		case r.letter == letter && len(args) == 0:
			fmt.Fprintln(c.hc.Stdout, r.show(soft))
			return nil
		case r.letter == letter:
			if err := r.set(args[0], soft, hard); err != nil {
				fmt.Fprintf(c.hc.Stderr, "ulimit: %v\n", err)
				return c.fail(1)
			}
			return nil
		}
	}
	if all {
		return nil
	}
	fmt.Fprintf(c.hc.Stderr, "ulimit: unknown limit -%c\n", letter)
	return c.fail(2)
}

// show reads a limit. See getrlimit(2).
func (r resource) show(soft bool) string {
	var limit unix.Rlimit
	if err := unix.Getrlimit(r.number, &limit); err != nil {
		return err.Error()
	}
	value := limit.Max
	if soft {
		value = limit.Cur
	}
	if value == unix.RLIM_INFINITY {
		return "unlimited"
	}
	return strconv.FormatUint(value/r.unit, 10)
}

// set writes a limit. See setrlimit(2).
func (r resource) set(text string, soft, hard bool) error {
	value := uint64(unix.RLIM_INFINITY)
	if text != "unlimited" {
		n, err := strconv.ParseUint(text, 10, 50)
		if err != nil {
			return fmt.Errorf("not a limit: %q", text)
		}
		value = n * r.unit
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(r.number, &limit); err != nil {
		return err
	}
	if soft {
		limit.Cur = value
	}
	if hard {
		limit.Max = value
	}
	if err := unix.Setrlimit(r.number, &limit); err != nil {
		return fmt.Errorf("set %s to %s: %w", r.about, text, err)
	}
	return nil
}
