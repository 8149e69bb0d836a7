package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
)

// A job is a background statement. The interpreter runs it as a goroutine and
// calls it g1, g2, …; if it is one program, it goes by that program's pid.
// Its fields are guarded by the shell's mutex.
type job struct {
	name    string         // g1, g2, … in the shell that started it
	pid     int            // of its first program
	live    map[int]bool   // the programs that it runs now
	main    bool           // whether the main shell started it
	killed  syscall.Signal // what ended it
	running chan struct{}  // closed when the first program runs, or cannot run
	done    chan struct{}  // closed when the last command is over
}

func itoa(n int) string { return strconv.Itoa(n) }

// atoi reads a number that we wrote ourselves.
func atoi(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

// enter marks the beginning of a subshell, and of a background job.
func (c command) enter() error {
	if err := c.assign(varSub, "1"); err != nil {
		return err
	}
	if len(c.args) > 1 {
		j := &job{live: map[int]bool{}, running: make(chan struct{}), done: make(chan struct{})}
		c.mu.Lock()
		c.jobs = append(c.jobs, j)
		number, entered := len(c.jobs), c.entered[c.args[1]]
		c.mu.Unlock()
		if err := c.assign(varJob, itoa(number)); err != nil {
			return err
		}
		if err := c.hc.Builtin(c.ctx, []string{"trap", "--", "sh:left", "EXIT"}); err != nil {
			return err
		}
		entered <- j
	}
	return c.fail(c.hc.LastExitStatus)
}

// started runs in the shell that began a job and finds out what $! is.
func (c command) started() error {
	site, kind, name := c.args[1], c.args[2], c.args[3]
	c.mu.Lock()
	entered := c.entered[site]
	c.mu.Unlock()
	j := <-entered
	if kind == "simple" {
		select {
		case <-j.running:
		case <-j.done:
		}
	}
	c.mu.Lock()
	j.name, j.main = name, c.main()
	last := name
	if j.pid != 0 && kind == "simple" {
		last = itoa(j.pid)
	}
	c.mu.Unlock()
	return c.assign(varLast, last)
}

// left marks the end of a background job: its last command, or its exit.
func (c command) left() error {
	if j := c.jobOf(c.hc.Env); j != nil && !j.over() {
		close(j.done)
	}
	return c.fail(c.hc.LastExitStatus)
}

// over tells whether the job has ended.
func (j *job) over() bool {
	select {
	case <-j.done:
		return true
	default:
		return false
	}
}

// jobOf finds the job that a command belongs to.
func (s *shell) jobOf(env expand.Environ) *job {
	number := env.Get(varJob)
	if !number.IsSet() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.jobs[atoi(number.String())-1]
}

// killed tells which signal ended a job, 0 for none.
func (s *shell) killed(j *job) syscall.Signal {
	s.mu.Lock()
	defer s.mu.Unlock()
	return j.killed
}

// began notes a program that a job has started; pid 0 says it could not.
func (s *shell) began(j *job, pid int) {
	if j == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if pid != 0 {
		j.live[pid] = true
	}
	if j.pid == 0 {
		j.pid = pid
	}
	select {
	case <-j.running:
	default:
		close(j.running)
	}
}

// ended notes that a program of a job is gone.
func (s *shell) ended(j *job, pid int) {
	if j == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(j.live, pid)
}

// find returns the job that a script calls by word: a pid, g1 or %1.
func (c command) find(word string) *job {
	c.mu.Lock()
	defer c.mu.Unlock()
	word = strings.Replace(word, "%", "g", 1)
	for _, j := range c.jobs {
		if j.name == word && j.main == c.main() || j.pid != 0 && itoa(j.pid) == word {
			return j
		}
	}
	return nil
}

// wait is `wait [PID…]`. A trapped signal ends it at once with 128+n, after
// the trap has run.
func (c command) wait() error {
	words, jobs := []string{"wait"}, c.children()
	if len(c.args) > 1 {
		jobs = nil
	}
	for _, word := range c.args[1:] {
		j := c.find(word)
		if j == nil {
			fmt.Fprintf(c.hc.Stderr, "wait: %s is not a child of this shell\n", word)
			return c.fail(127)
		}
		words, jobs = append(words, j.name), append(jobs, j)
	}
	for _, j := range jobs {
		select {
		case <-j.done:
		case <-c.ctx.Done():
			return c.ctx.Err()
		case sig := <-c.prompt():
			if err := c.runTrap(sig); err != nil {
				return err
			}
			return c.fail(128 + int(sig))
		}
	}
	return c.hc.Builtin(c.ctx, words) // which knows the statuses
}

// children are the jobs of the main shell; those of a subshell are left to the
// interpreter, for no trap can come between.
func (c command) children() []*job {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.main() {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.jobs), func(j *job) bool { return !j.main })
}

// kill is `kill [-SIGNAL] PID…`. See kill(2).
func (c command) kill() error {
	sig, words, err := killWords(c.args[1:])
	if err != nil {
		fmt.Fprintf(c.hc.Stderr, "kill: %v\n", err)
		return c.fail(2)
	}
	if words == nil {
		for n := syscall.Signal(1); n < 32; n++ {
			fmt.Fprintf(c.hc.Stdout, "%2d) %s\n", n, unix.SignalName(n))
		}
		return nil
	}
	failed := error(nil)
	for _, word := range words {
		err := c.send(word, sig)
		if exit := interp.ExitStatus(0); errors.As(err, &exit) || err == nil {
			continue
		} else if errors.As(err, new(syscall.Errno)) || errors.As(err, new(badPID)) {
			fmt.Fprintf(c.hc.Stderr, "kill: %s: %v\n", word, err)
			failed = c.fail(1)
			continue
		}
		return err // a trap ended the shell
	}
	return failed
}

// badPID is a word that is no process.
type badPID string

func (b badPID) Error() string { return string(b) }

// killWords reads the options of kill. No words at all means -l.
func killWords(args []string) (syscall.Signal, []string, error) {
	sig := syscall.SIGTERM
	if len(args) > 0 && args[0] == "-l" {
		return 0, nil, nil
	}
	if len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "--" {
		name := args[0][1:]
		args = args[1:]
		if name == "s" && len(args) > 0 {
			name, args = args[0], args[1:]
		}
		var err error
		if sig, err = signalNumber(name); err != nil {
			return 0, nil, err
		}
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return 0, nil, errors.New("usage: kill [-SIGNAL] PID…")
	}
	return sig, args, nil
}

// send signals one process or job. A signal to the shell itself that has a
// trap is waited for, so that the trap runs before the next command.
func (c command) send(word string, sig syscall.Signal) error {
	if j := c.find(word); j != nil {
		return c.sendJob(j, sig)
	}
	pid, err := strconv.Atoi(word)
	if err != nil {
		return badPID("not a process or job")
	}
	if err := unix.Kill(pid, sig); err != nil {
		return err
	}
	c.mu.Lock()
	trapped := c.traps[sig] != ""
	c.mu.Unlock()
	if pid == unix.Getpid() && trapped && c.prompt() != nil {
		return c.runTrap(<-c.pending)
	}
	return nil
}

// sendJob signals the programs of a job. A job that is more than one program
// ends before its next command.
func (c command) sendJob(j *job, sig syscall.Signal) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if j.over() {
		return syscall.ESRCH
	}
	if deadly(sig) {
		j.killed = sig
	}
	for pid := range j.live {
		if err := unix.Kill(pid, sig); err != nil && err != syscall.ESRCH {
			return err
		}
	}
	return nil
}
