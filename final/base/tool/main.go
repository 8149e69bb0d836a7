// Command tool is the multi-call program of the base image: its links are
// called cat, ls, ps and so on, and the name says what to do. It links neither
// the shell nor net/http, because what is linked is paid for at every start:
// `true` takes 1.4 ms in here and 2.1 ms beside a web server.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// A tool is one name of the program.
type tool struct {
	name string
	run  func(*call) error
}

// A status is an exit code without a sentence, as false and grep give it.
type status int

func (s status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func main() {
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	if name == "true" || name == "false" { // nothing to set up, nothing to flush
		os.Exit(map[string]int{"false": 1}[name])
	}
	if name == "tool" && len(args) > 0 {
		name, args = args[0], args[1:]
	}
	if os.Getpid() == 1 {
		go dieAsFirst()
	}
	os.Exit(run(name, args))
}

// dieAsFirst ends the program on the signals that mean it. The kernel gives
// the first process of a pid namespace no default actions, so that without
// this `docker stop` of a plain sleep would wait for the SIGKILL.
// See pid_namespaces(7).
func dieAsFirst() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	if s, ok := (<-signals).(syscall.Signal); ok {
		os.Exit(128 + int(s))
	}
}

// run performs one tool and answers its exit code.
func run(name string, args []string) int {
	for _, t := range tools() {
		if t.name != name {
			continue
		}
		c := &call{name: name, args: args, in: os.Stdin, out: bufio.NewWriter(os.Stdout)}
		err := t.run(c)
		if flushed := c.out.Flush(); err == nil {
			err = flushed
		}
		return report(name, err)
	}
	if name == "tool" {
		for _, t := range tools() {
			fmt.Println(t.name)
		}
		return 0
	}
	fmt.Fprintf(os.Stderr, "%s: no such tool in this program\n", name)
	return 127
}

// report prints what went wrong in the way that people know from these tools:
// "cat: x: no such file or directory".
func report(name string, err error) int {
	var code status
	if err == nil {
		return 0
	}
	if errors.As(err, &code) {
		return int(code)
	}
	fmt.Fprintf(os.Stderr, "%s: %s\n", name, sentence(err))
	return 1
}

// sentence leaves the name of the system call out of an error about a path.
func sentence(err error) string {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Path + ": " + path.Err.Error()
	case errors.As(err, &link):
		return link.Old + " to " + link.New + ": " + link.Err.Error()
	}
	return err.Error()
}

// A call is one use of a tool: its words and its streams.
type call struct {
	name string
	args []string
	in   io.Reader
	out  *bufio.Writer
	set  map[byte]string // the options that were given, after options
}

// options takes the flags off the front of the arguments: letters that stand
// alone in bare, letters that want a value in valued. "--" ends them.
func (c *call) options(bare, valued string) error {
	c.set = map[byte]string{}
	for len(c.args) > 0 {
		word := c.args[0]
		if len(word) < 2 || word[0] != '-' {
			return nil
		}
		c.args = c.args[1:]
		if word == "--" {
			return nil
		}
		if err := c.flags(word[1:], bare, valued); err != nil {
			return err
		}
	}
	return nil
}

// flags reads one word of joined letters, such as "la" or "n5".
func (c *call) flags(letters, bare, valued string) error {
	for i := range len(letters) {
		letter := letters[i]
		if strings.IndexByte(bare, letter) >= 0 {
			c.set[letter] = ""
			continue
		}
		if strings.IndexByte(valued, letter) < 0 {
			return fmt.Errorf("unknown option -%c", letter)
		}
		value := letters[i+1:]
		if value == "" {
			if len(c.args) == 0 {
				return fmt.Errorf("option -%c wants a value", letter)
			}
			value, c.args = c.args[0], c.args[1:]
		}
		c.set[letter] = value
		return nil
	}
	return nil
}

// has tells whether an option was given.
func (c *call) has(letter byte) bool {
	_, ok := c.set[letter]
	return ok
}

// want refuses a call with fewer words than the tool needs.
func (c *call) want(n int, usage string) error {
	if len(c.args) < n {
		return fmt.Errorf("usage: %s %s", c.name, usage)
	}
	return nil
}

// each does one thing for every word and goes on after an error, which it
// prints; the exit code then is 1.
func (c *call) each(do func(name string) error) error {
	var failed error
	for _, name := range c.args {
		if err := do(name); err != nil {
			c.out.Flush()
			failed = status(report(c.name, err))
		}
	}
	return failed
}

// inputs opens every named file in turn, or standard input when there is none.
func (c *call) inputs(do func(name string, r io.Reader) error) error {
	if len(c.args) == 0 {
		return do("-", c.in)
	}
	return c.each(func(name string) error {
		if name == "-" {
			return do(name, c.in)
		}
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		return do(name, f)
	})
}

// lines hands over every line of the inputs, without its newline.
func (c *call) lines(do func(line string) error) error {
	return c.inputs(func(_ string, r io.Reader) error { return eachLine(r, do) })
}

// eachLine reads lines of any length.
func eachLine(r io.Reader, do func(line string) error) error {
	b := bufio.NewReader(r)
	for {
		line, err := b.ReadString('\n')
		if line != "" {
			if err := do(strings.TrimSuffix(line, "\n")); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
