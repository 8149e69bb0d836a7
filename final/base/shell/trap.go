package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/syntax"
)

// listen starts to hear the signals. The first process of a pid namespace has
// no default actions, so there we end on what would end any other program.
// See pid_namespaces(7).
func (s *shell) listen() {
	if os.Getpid() == 1 {
		signal.Notify(s.arrived, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
		go s.adopt()
	}
	go func() {
		for sig := range s.arrived {
			s.deliver(sig.(syscall.Signal))
		}
	}()
}

// adopt reaps the orphans of the namespace, which the kernel gives to its
// first process. A program that we started ourselves is left to whoever waits
// for it.
func (s *shell) adopt() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	for range ended {
		s.reap()
	}
}

// reap takes every orphan that has ended. See wait4(2).
func (s *shell) reap() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, pid := range children() {
		if !s.own[pid] {
			_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
		}
	}
}

// children lists our children, which the kernel shows per thread. See
// proc_tid_children(5).
func children() []int {
	var pids []int
	files, _ := filepath.Glob("/proc/self/task/*/children")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for _, word := range strings.Fields(string(text)) {
			pids = append(pids, atoi(word))
		}
	}
	return pids
}

// deliver hands a signal to its trap, or to the command of an interactive
// user, or ends the shell.
func (s *shell) deliver(sig syscall.Signal) {
	s.mu.Lock()
	text, trapped := s.traps[sig]
	cancel := s.cancel
	s.mu.Unlock()
	switch {
	case trapped && text != "":
		s.pending <- sig
	case trapped: // ignored
	case sig == syscall.SIGINT && cancel != nil:
		cancel()
	default:
		os.Exit(128 + int(sig))
	}
}

// takeTrap returns the text of a trap whose signal has arrived.
func (s *shell) takeTrap() (string, bool) {
	select {
	case sig := <-s.pending:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.traps[sig], true
	default:
		return "", false
	}
}

// trap is `trap [ACTION SIGNAL…]`. EXIT and ERR belong to the interpreter.
func (c command) trap() error {
	args := c.args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 || args[0] == "-p" {
		c.listTraps()
		return c.hc.Builtin(c.ctx, []string{"trap"})
	}
	action, names := "-", args
	if len(args) > 1 {
		action, names = args[0], args[1:]
	}
	if _, err := syntax.NewParser().Parse(strings.NewReader(action), ""); err != nil {
		fmt.Fprintf(c.hc.Stderr, "trap: %v\n", err)
		return c.fail(2)
	}
	for _, name := range names {
		if err := c.trapOne(action, name); err != nil {
			return err
		}
	}
	return nil
}

// listTraps prints the traps so that they can be read in again.
func (c command) listTraps() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for sig := syscall.Signal(1); sig < 32; sig++ {
		if text, ok := c.traps[sig]; ok {
			quoted, _ := syntax.Quote(text, syntax.LangBash)
			if text == "" {
				quoted = "''"
			}
			fmt.Fprintf(c.hc.Stdout, "trap -- %s %s\n", quoted, strings.TrimPrefix(unix.SignalName(sig), "SIG"))
		}
	}
}

// trapOne sets one trap. A subshell is a goroutine and cannot have signals of
// its own, so there the request is taken without effect.
func (c command) trapOne(action, name string) error {
	if name == "0" || name == "EXIT" || name == "ERR" {
		if name != "ERR" && c.jobOf(c.hc.Env) != nil {
			action = strings.TrimPrefix(action, "-") + "\nsh:left"
		}
		return c.hc.Builtin(c.ctx, []string{"trap", "--", action, strings.Replace(name, "0", "EXIT", 1)})
	}
	sig, err := signalNumber(name)
	if err != nil || sig == 0 {
		fmt.Fprintf(c.hc.Stderr, "trap: %s: invalid signal specification\n", name)
		return c.fail(1)
	}
	if !c.main() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if action == "-" {
		delete(c.traps, sig)
		if os.Getpid() != 1 && c.cancel == nil {
			signal.Reset(sig)
		}
		return nil
	}
	c.traps[sig] = c.prepareLocked(action)
	if action == "" {
		signal.Ignore(sig) // programs inherit this, as POSIX wants
		return nil
	}
	signal.Notify(c.arrived, sig)
	return nil
}

// prepareLocked is prepareText for a caller that holds the lock.
func (s *shell) prepareLocked(text string) string {
	s.mu.Unlock()
	defer s.mu.Lock()
	return s.prepareText(text)
}

// runTrap runs the text of a trap in the shell that is blocked in c, on its
// own goroutine. It returns an error only when the text ended the shell.
func (c command) runTrap(sig syscall.Signal) error {
	c.mu.Lock()
	text := c.traps[sig]
	c.mu.Unlock()
	return c.hc.Builtin(context.WithoutCancel(c.ctx), []string{"eval", text + "\n:"})
}

// prompt is where signals can be taken while a program runs: only the main
// shell takes them, and only when the command's output was not redirected,
// because the trap would write there too. Otherwise they wait for its end.
func (c command) prompt() <-chan syscall.Signal {
	if !c.main() || c.hc.Stdout != os.Stdout || c.hc.Stderr != os.Stderr {
		return nil
	}
	return c.pending
}

// signalNumber reads TERM, SIGTERM, term or 15.
func signalNumber(name string) (syscall.Signal, error) {
	if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < 65 {
		return syscall.Signal(n), nil
	}
	if sig := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG")); sig != 0 {
		return sig, nil
	}
	return 0, fmt.Errorf("unknown signal %q", name)
}

// deadly lists the signals that end a job which has no process to receive
// them.
func deadly(sig syscall.Signal) bool {
	return slices.Contains([]syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT}, sig)
}
