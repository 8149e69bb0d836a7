// Command shell is the sh of the base image: the interpreter of mvdan.cc/sh,
// plus what a script expects of a process and an interpreter inside one
// program cannot give by itself: traps on signals, real process ids of
// background jobs, kill, umask, ulimit, and an exec that replaces the shell.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/term"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

func main() {
	name := strings.TrimPrefix(filepath.Base(os.Args[0]), "-")
	switch name {
	case "printf", "test", "[":
		os.Exit(runBuiltin(append([]string{name}, os.Args[1:]...)))
	}
	o, err := parseArgs(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "sh: %v\n", err)
		os.Exit(2)
	}
	o.login = o.login || strings.HasPrefix(os.Args[0], "-")
	os.Exit(o.run())
}

// invocation is what the words after sh ask for.
type invocation struct {
	command     string   // the text of -c
	hasCommand  bool     // whether there was a -c
	stdin       bool     // -s: the script comes from standard input
	interactive bool     // -i
	login       bool     // -l: read /etc/profile first
	name        string   // $0
	set         []string // options for set, such as -e
	params      []string // $1, $2, …
}

// parseArgs reads sh's words as sh(1p) writes them.
func parseArgs(words []string) (invocation, error) {
	o := invocation{name: "sh"}
	for len(words) > 0 && len(words[0]) > 1 && strings.ContainsAny(words[0][:1], "-+") {
		word := words[0]
		words = words[1:]
		if word == "--" {
			break
		}
		if word == "-o" || word == "+o" {
			if len(words) == 0 {
				return o, fmt.Errorf("%s wants the name of an option", word)
			}
			o.set, words = append(o.set, word, words[0]), words[1:]
			continue
		}
		o.letters(word)
	}
	if o.hasCommand {
		if len(words) == 0 {
			return o, errors.New("-c wants a command")
		}
		o.command, words = words[0], words[1:]
	}
	if len(words) > 0 && !o.stdin {
		o.name, words = words[0], words[1:]
	} else if !o.hasCommand {
		o.stdin = true
	}
	o.params = words
	return o, nil
}

// letters reads one word of joined options.
func (o *invocation) letters(word string) {
	for _, letter := range word[1:] {
		switch letter {
		case 'c':
			o.hasCommand = true
		case 's':
			o.stdin = true
		case 'i':
			o.interactive = true
		case 'l':
			o.login = true
		default:
			o.set = append(o.set, word[:1]+string(letter))
		}
	}
}

// run performs the invocation and answers the exit code.
func (o invocation) run() int {
	terminal := o.stdin && !o.hasCommand && term.IsTerminal(0) && term.IsTerminal(1)
	s, err := newShell(append(append(o.set, "--"), o.params...))
	if err != nil {
		fmt.Fprintf(os.Stderr, "sh: %v\n", err)
		return 2
	}
	if o.login {
		s.profile("/etc/profile")
	}
	switch {
	case o.hasCommand:
		return s.script(strings.NewReader(o.command), o.name, true)
	case terminal || o.interactive && term.IsTerminal(0):
		return s.converse()
	case o.stdin:
		return s.stream(os.Stdin)
	}
	f, err := os.Open(o.name)
	if err != nil {
		fmt.Fprintf(os.Stderr, "sh: %s: %v\n", o.name, errors.Unwrap(err))
		return 127
	}
	defer f.Close()
	return s.script(f, o.name, false)
}

// script parses a whole text first and runs it then.
func (s *shell) script(r io.Reader, name string, command bool) int {
	file, err := syntax.NewParser().Parse(r, name)
	if err != nil {
		fmt.Fprintf(os.Stderr, "sh: %v\n", err)
		return 2
	}
	if command {
		replaceLast(file)
	}
	s.prepare(file)
	return s.end(s.runner.Run(context.Background(), file))
}

// stream runs what standard input says, a statement as soon as it is there.
func (s *shell) stream(r io.Reader) int {
	for stmts, err := range syntax.NewParser().InteractiveSeq(oneByte{r}) {
		if err != nil {
			fmt.Fprintf(os.Stderr, "sh: %v\n", err)
			return 2
		}
		for _, stmt := range stmts {
			file := &syntax.File{Stmts: []*syntax.Stmt{stmt}}
			s.prepare(file)
			s.status = s.runStmts(context.Background(), file.Stmts)
			if s.runner.Exited() {
				return s.status
			}
		}
	}
	return s.leave()
}

// oneByte keeps the parser from reading ahead: what follows a command on
// standard input belongs to that command.
type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }

// runStmts runs statements one after the other, without ending the shell.
func (s *shell) runStmts(ctx context.Context, stmts []*syntax.Stmt) int {
	code := 0
	for _, stmt := range stmts {
		code = s.code(s.runner.Run(ctx, stmt))
		if s.runner.Exited() {
			break
		}
	}
	return code
}

// leave runs the EXIT trap, which the interpreter does at the end of a file.
func (s *shell) leave() int {
	last := s.status
	s.runner.Run(context.Background(), &syntax.File{})
	return last
}

// end finishes a script: a signal that came too late for the last command
// still has its trap.
func (s *shell) end(err error) int {
	code := s.code(err)
	if s.runner.Exited() {
		return code
	}
	if text, ok := s.takeTrap(); ok {
		if file, err := syntax.NewParser().Parse(strings.NewReader(text), ""); err == nil {
			s.runStmts(context.Background(), file.Stmts)
		}
	}
	return code
}

// code turns what the interpreter answers into an exit code.
func (s *shell) code(err error) int {
	var status interp.ExitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case errors.Is(err, context.Canceled):
		return 130
	}
	fmt.Fprintf(os.Stderr, "sh: %v\n", err)
	return 1
}

// profile reads a start-up file, if it is there.
func (s *shell) profile(path string) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	if file, err := syntax.NewParser().Parse(f, path); err == nil {
		s.runStmts(context.Background(), file.Stmts)
	}
}

// runBuiltin performs one builtin of the shell as a program of its own.
func runBuiltin(words []string) int {
	s, err := newShell(append([]string{"--"}, words...))
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", words[0], err)
		return 2
	}
	return s.script(strings.NewReader(`"$@"`), words[0], false)
}
