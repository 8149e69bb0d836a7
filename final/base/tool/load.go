package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// bytes reads a size such as 64m, 1g or 4096.
func bytes(text string) (int64, error) {
	number := strings.TrimRight(strings.ToLower(text), "kmgib")
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("not a size: %q", text)
	}
	shift := map[string]int{"": 0, "b": 0, "k": 10, "m": 20, "g": 30}
	unit := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(text[len(number):]), "b"), "i")
	by, ok := shift[unit]
	if !ok {
		return 0, fmt.Errorf("not a size: %q", text)
	}
	return n << by, nil
}

// eat touches memory a MiB at a time and says how far it got, so that a limit
// shows where it strikes. The pages come from mmap(2) and not from Go's heap,
// whose collector would take and give memory of its own.
func eat(c *call) error {
	if err := c.options("", "t"); err != nil {
		return err
	}
	if err := c.want(1, "[-t SECONDS-TO-HOLD] SIZE"); err != nil {
		return err
	}
	size, err := bytes(c.args[0])
	if err != nil {
		return err
	}
	const step = 1 << 20
	for done := int64(0); done < size; {
		n := min(step, size-done)
		page, err := unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			return fmt.Errorf("map %d bytes after %d MiB: %w", n, done>>20, err)
		}
		for i := 0; i < len(page); i += 4096 {
			page[i] = 1
		}
		if done += n; done%(8*step) == 0 || done == size {
			fmt.Fprintf(c.out, "%d MiB\n", done>>20)
			c.out.Flush()
		}
	}
	if !c.has('t') {
		return nil
	}
	hold, err := duration([]string{c.set['t']})
	if err != nil {
		return err
	}
	time.Sleep(hold)
	return nil
}

// spin keeps one processor busy, for the given time or for ever.
func spin(c *call) error {
	limit := time.Duration(1<<63 - 1)
	if len(c.args) > 0 {
		var err error
		if limit, err = duration(c.args); err != nil {
			return err
		}
	}
	start, turns := time.Now(), 0
	for time.Since(start) < limit {
		turns++
	}
	_, err := fmt.Fprintf(c.out, "%d turns\n", turns)
	return err
}
