package chapters

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// converse is `converse N FILE ARG...`: the client on a terminal, which must
// exit with status N. Each line of FILE is one turn:
//
//	< TEXT   wait until the terminal shows TEXT, after the last that was seen
//	> TEXT   type TEXT and return
//	^ PQ     press control-P, control-Q
func converse(ts *testscript.TestScript, neg bool, args []string) {
	s := stageOf(ts)
	t, err := newTerminal()
	ts.Check(err)
	defer t.keys.Close()
	cmd := exec.Command(s.client, args[2:]...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+s.host(), "DOCKER_CONFIG="+ts.Getenv("DOCKER_CONFIG"), "TERM=xterm")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = t.screen, t.screen, t.screen
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	ts.Check(cmd.Start())
	t.screen.Close()
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		turn, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if err := t.play(turn, text); err != nil {
			cmd.Process.Kill()
			cmd.Wait()
			ts.Fatalf("drydock %s: %v", strings.Join(args[2:], " "), err)
		}
	}
	err = wait(cmd)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("drydock %s: %v; the terminal shows %q", strings.Join(args[2:], " "), err, t.text())
	}
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); got != args[0] {
		ts.Fatalf("drydock %s: exit status %s, want %s; the terminal shows %q", strings.Join(args[2:], " "), got, args[0], t.text())
	}
}

// wait waits for cmd, but not for ever.
func wait(cmd *exec.Cmd) error {
	timer := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	err := cmd.Wait()
	if !timer.Stop() {
		return errors.New("it does not end")
	}
	return err
}

// A terminal is a pseudo terminal and what it has shown. See pty(7).
type terminal struct {
	keys, screen *os.File

	mu    sync.Mutex
	shown strings.Builder
	more  *sync.Cond // shown has grown, or ended
	ended bool
	seen  int // bytes of shown that a turn has waited for
}

func newTerminal() (*terminal, error) {
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	number, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	if err != nil {
		return nil, err
	}
	if err := unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		return nil, err
	}
	screen, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	t := &terminal{keys: keys, screen: screen}
	t.more = sync.NewCond(&t.mu)
	go t.watch()
	return t, nil
}

// watch collects what is shown, until the last program has closed the screen.
func (t *terminal) watch() {
	io.Copy(t, t.keys)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	t.more.Broadcast()
}

// Write implements io.Writer.
func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.more.Broadcast()
	return t.shown.Write(p)
}

func (t *terminal) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.shown.String()
}

// play plays one turn.
func (t *terminal) play(turn, text string) error {
	switch turn {
	case "<":
		return t.await(text)
	case ">":
		_, err := t.keys.WriteString(text + "\r")
		return err
	case "^":
		for _, key := range text {
			if _, err := t.keys.Write([]byte{byte(key) & 0x1f}); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("no such turn: %q", turn)
}

func (t *terminal) await(text string) error {
	late := false
	timer := time.AfterFunc(patience, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		late = true
		t.more.Broadcast()
	})
	defer timer.Stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		if i := strings.Index(t.shown.String()[t.seen:], text); i >= 0 {
			t.seen += i + len(text)
			return nil
		}
		if t.ended || late {
			return fmt.Errorf("the terminal never showed %q, but %q", text, t.shown.String())
		}
		t.more.Wait()
	}
}
