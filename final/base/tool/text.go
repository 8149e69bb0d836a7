package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
)

func cat(c *call) error {
	if err := c.options("nu", ""); err != nil {
		return err
	}
	n := 0
	if c.has('n') {
		return c.lines(func(line string) error {
			n++
			_, err := fmt.Fprintf(c.out, "%6d\t%s\n", n, line)
			return err
		})
	}
	// No buffer between: what arrives through a pipe is shown at once.
	return c.inputs(func(_ string, r io.Reader) error {
		_, err := io.Copy(os.Stdout, r)
		return err
	})
}

func echo(c *call) error {
	newline := "\n"
	if len(c.args) > 0 && c.args[0] == "-n" {
		newline, c.args = "", c.args[1:]
	}
	_, err := c.out.WriteString(strings.Join(c.args, " ") + newline)
	return err
}

// count reads the number of lines of head and tail: -n 5, -n5 or -5.
func (c *call) count() (int, error) {
	if len(c.args) > 0 && len(c.args[0]) > 1 && c.args[0][0] == '-' {
		if n, err := strconv.Atoi(c.args[0][1:]); err == nil {
			c.args = c.args[1:]
			return n, nil
		}
	}
	if err := c.options("fq", "nc"); err != nil {
		return 0, err
	}
	text := "10"
	if c.has('n') {
		text = strings.TrimPrefix(c.set['n'], "+")
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("not a number of lines: %q", text)
	}
	return n, nil
}

func head(c *call) error {
	n, err := c.count()
	if err != nil {
		return err
	}
	if c.has('c') {
		size, err := strconv.ParseInt(c.set['c'], 10, 64)
		if err != nil {
			return fmt.Errorf("not a number of bytes: %q", c.set['c'])
		}
		return c.inputs(func(_ string, r io.Reader) error {
			_, err := io.CopyN(c.out, r, size)
			if err == io.EOF {
				return nil
			}
			return err
		})
	}
	return c.inputs(func(_ string, r io.Reader) error {
		left := n
		if left == 0 {
			return nil
		}
		err := eachLine(r, func(line string) error {
			fmt.Fprintln(c.out, line)
			if left--; left == 0 {
				return io.EOF
			}
			return nil
		})
		if err == io.EOF {
			return nil
		}
		return err
	})
}

func tail(c *call) error {
	n, err := c.count()
	if err != nil {
		return err
	}
	return c.inputs(func(_ string, r io.Reader) error {
		var kept []string
		err := eachLine(r, func(line string) error {
			kept = append(kept, line)
			kept = kept[max(0, len(kept)-n):]
			return nil
		})
		for _, line := range kept {
			fmt.Fprintln(c.out, line)
		}
		if err != nil || !c.has('f') {
			return err
		}
		return c.follow(r)
	})
}

// follow prints what is added to a file, until a signal ends the program.
func (c *call) follow(r io.Reader) error {
	c.out.Flush()
	for {
		if _, err := io.Copy(os.Stdout, r); err != nil {
			return err
		}
		time.Sleep(200 * time.Millisecond)
	}
}

func wc(c *call) error {
	if err := c.options("lwc", ""); err != nil {
		return err
	}
	return c.inputs(func(name string, r io.Reader) error {
		counts, err := measure(r)
		if err != nil {
			return err
		}
		var words []string
		for i, letter := range []byte("lwc") {
			if c.has(letter) || len(c.set) == 0 {
				words = append(words, strconv.Itoa(counts[i]))
			}
		}
		if name != "-" {
			words = append(words, name)
		}
		_, err = fmt.Fprintln(c.out, strings.Join(words, " "))
		return err
	})
}

// measure counts lines, words and bytes.
func measure(r io.Reader) (counts [3]int, err error) {
	b := bufio.NewReader(r)
	inside := false
	for {
		char, err := b.ReadByte()
		if err == io.EOF {
			return counts, nil
		}
		if err != nil {
			return counts, err
		}
		counts[2]++
		if char == '\n' {
			counts[0]++
		}
		space := unicode.IsSpace(rune(char))
		if !space && !inside {
			counts[1]++
		}
		inside = !space
	}
}

func tee(c *call) error {
	if err := c.options("a", ""); err != nil {
		return err
	}
	how := os.O_TRUNC
	if c.has('a') {
		how = os.O_APPEND
	}
	to := []io.Writer{os.Stdout}
	for _, name := range c.args {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|how, 0o666)
		if err != nil {
			return err
		}
		defer f.Close()
		to = append(to, f)
	}
	_, err := io.Copy(io.MultiWriter(to...), c.in)
	return err
}

func yes(c *call) error {
	word := "y"
	if len(c.args) > 0 {
		word = strings.Join(c.args, " ")
	}
	for {
		if _, err := c.out.WriteString(word + "\n"); err != nil {
			return err
		}
	}
}

func seq(c *call) error {
	if err := c.want(1, "[FIRST [STEP]] LAST"); err != nil {
		return err
	}
	numbers := make([]int, len(c.args))
	for i, arg := range c.args {
		n, err := strconv.Atoi(arg)
		if err != nil {
			return fmt.Errorf("not a number: %q", arg)
		}
		numbers[i] = n
	}
	first, step, last := 1, 1, numbers[len(numbers)-1]
	if len(numbers) > 1 {
		first = numbers[0]
	}
	if len(numbers) > 2 {
		step = numbers[1]
	}
	if step == 0 {
		return fmt.Errorf("a step of 0 never ends")
	}
	for n := first; step > 0 && n <= last || step < 0 && n >= last; n += step {
		fmt.Fprintln(c.out, n)
	}
	return nil
}
