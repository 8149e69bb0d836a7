package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"
	"mvdan.cc/sh/v3/syntax"
)

// converse is the interactive shell: a prompt, a line that can be edited, and
// a history. The terminal is raw only while a line is being typed.
func (s *shell) converse() int {
	s.mu.Lock()
	s.cancel = func() {}
	s.mu.Unlock()
	signal.Notify(s.arrived, syscall.SIGINT)
	l := newLines()
	for exited := false; !exited; {
		stmts, err := s.ask(l)
		if errors.Is(err, io.EOF) {
			fmt.Println("exit")
			return s.leave()
		}
		if errors.Is(err, errInterrupted) {
			s.status = 130
			continue
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "sh: %v\n", err)
			s.status = 2
			continue
		}
		exited = s.obey(stmts)
	}
	return s.status
}

// obey runs what was typed, until it ends or Ctrl-C is hit, and tells whether
// it ended the shell; to the interpreter a cancelled loop looks the same. The terminal sends
// SIGINT to every process of its foreground group, so a program gets it by
// itself; the context is for loops of the shell.
func (s *shell) obey(stmts []*syntax.Stmt) (exited bool) {
	file := &syntax.File{Stmts: stmts}
	s.prepare(file)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.mu.Lock()
	s.cancel = cancel
	s.mu.Unlock()
	s.status = s.runStmts(ctx, file.Stmts)
	s.mu.Lock()
	s.cancel = func() {}
	s.mu.Unlock()
	if ctx.Err() != nil {
		fmt.Println()
		return false
	}
	return s.runner.Exited()
}

// ask reads lines until they are whole statements.
func (s *shell) ask(l *lines) ([]*syntax.Stmt, error) {
	text, prompt := "", s.prompt()
	for {
		line, err := l.read(prompt)
		if err != nil {
			return nil, err
		}
		text += line + "\n"
		p := syntax.NewParser()
		file, err := p.Parse(strings.NewReader(text), "sh")
		if err == nil && !strings.HasSuffix(line, `\`) {
			return file.Stmts, nil
		}
		if err != nil && !syntax.IsIncomplete(err) {
			return nil, err
		}
		prompt = "> "
	}
}

// prompt shows where we are and who: "/ # " for root, "/ $ " for others.
func (s *shell) prompt() string {
	if os.Geteuid() == 0 {
		return s.runner.Dir + " # "
	}
	return s.runner.Dir + " $ "
}

// errInterrupted says that a line was thrown away with Ctrl-C.
var errInterrupted = errors.New("interrupted")

// lines reads lines from the terminal with editing.
type lines struct {
	terminal *term.Terminal
	screen   *screen
}

func newLines() *lines {
	l := &lines{screen: &screen{}}
	l.terminal = term.NewTerminal(l.screen, "")
	return l
}

// A screen is the terminal with an eye on Ctrl-C, which the line editor tells
// no different from the end of input.
type screen struct{ interrupted bool }

func (s *screen) Read(p []byte) (int, error) {
	n, err := os.Stdin.Read(p)
	if n > 0 && p[n-1] == 3 {
		s.interrupted = true
	}
	return n, err
}

func (s *screen) Write(p []byte) (int, error) { return os.Stdout.Write(p) }

// read reads one line with the terminal in raw mode. See termios(3).
func (l *lines) read(prompt string) (string, error) {
	before, err := term.MakeRaw(0)
	if err != nil {
		return "", fmt.Errorf("make the terminal raw: %w", err)
	}
	defer term.Restore(0, before)
	if width, height, err := term.GetSize(0); err == nil && width > 0 {
		_ = l.terminal.SetSize(width, height)
	}
	l.screen.interrupted = false
	l.terminal.SetPrompt(prompt)
	line, err := l.terminal.ReadLine()
	if err == nil || !l.screen.interrupted {
		return line, err
	}
	fmt.Print("^C\r\n")
	history := l.terminal.History
	l.terminal = term.NewTerminal(l.screen, "") // the old one still holds the line
	l.terminal.History = history
	return "", errInterrupted
}
