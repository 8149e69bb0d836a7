package cli

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// openTerminal makes a pseudo-terminal; see pty(7). keys is where a user
// types, screen what the program has.
func openTerminal(t *testing.T) (keys, screen *os.File) {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { keys.Close() })
	require.NoError(t, unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	screen, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	resize(t, screen, 24, 80)
	return keys, screen
}

func resize(t *testing.T, screen *os.File, rows, columns uint16) {
	t.Helper()
	require.NoError(t, unix.IoctlSetWinsize(int(screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}))
}

// echoes says whether the kernel shows what is typed: not on a raw terminal.
func echoes(t *testing.T, screen *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(screen.Fd()), unix.TCGETS)
	require.NoError(t, err)
	return state.Lflag&unix.ECHO != 0
}

// onTerminal runs args with a terminal; the status comes over the channel.
func (f *fake) onTerminal(screen *os.File, args ...string) <-chan int {
	code, errOut := make(chan int, 1), tempFile(f.t)
	go func() { code <- Main(append([]string{"-H", "unix://" + f.socket}, args...), screen, screen, errOut) }()
	return code
}

// typed reads n bytes of what reached the container.
func typed(t *testing.T, conn io.Reader, n int) string {
	t.Helper()
	b := make([]byte, n)
	_, err := io.ReadFull(conn, b)
	require.NoError(t, err)
	return string(b)
}

// interactive is a container with a terminal, whose streams the test has.
func interactive() (*life, chan net.Conn, chan string) {
	l, conns, sizes := newLife(), make(chan net.Conn), make(chan string, 8)
	l.framed = false
	over := make(chan struct{})
	l.talk = func(conn net.Conn) {
		conns <- conn
		<-over
	}
	l.others = map[string]func(*http.Request) int{"resize": func(r *http.Request) int {
		sizes <- r.URL.Query().Get("h") + "x" + r.URL.Query().Get("w")
		return http.StatusOK
	}}
	return l, conns, sizes
}

func TestTerminalIsRawWhileTheContainerHasIt(t *testing.T) {
	keys, screen := openTerminal(t)
	l, conns, sizes := interactive()
	f := newFake(t, l.routes())
	code := f.onTerminal(screen, "run", "-it", "img")
	conn := <-conns
	if size := <-sizes; size != "24x80" {
		t.Errorf("the container's terminal is %s, ours is 24x80", size)
	}
	if echoes(t, screen) {
		t.Error("the terminal is not raw: every key would show twice, and ctrl-c would end the client")
	}
	_, err := keys.WriteString("\x03x")
	require.NoError(t, err)
	if got := typed(t, conn, 2); got != "\x03x" {
		t.Errorf("the container got %q, typed was ctrl-c and x", got)
	}
	resize(t, screen, 50, 132)
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGWINCH))
	if size := <-sizes; size != "50x132" {
		t.Errorf("the container was told %s, the window is 50x132 now", size)
	}
	l.exit <- 7
	conn.Close()
	if got := <-code; got != 7 {
		t.Errorf("run ended with %d, the program with 7", got)
	}
	if !echoes(t, screen) {
		t.Error("the terminal stays raw: the shell is unusable now")
	}
	if size := f.body(createRoute)["HostConfig"].(map[string]any)["ConsoleSize"]; fmt.Sprint(size) != "[24 80]" {
		t.Errorf("create asked for a console of %v", size)
	}
}

func TestKeysDetach(t *testing.T) {
	for _, c := range []struct {
		flags []string
		keys  string
		sent  string
	}{
		{nil, "ab\x10\x11", "ab"},
		{nil, "a\x10b\x10\x11", "a\x10b"},
		{[]string{"--detach-keys", "ctrl-a,d"}, "\x10\x11\x01d", "\x10\x11"},
	} {
		keys, screen := openTerminal(t)
		l, conns, _ := interactive()
		code := newFake(t, l.routes()).onTerminal(screen, append(append([]string{"run", "-it"}, c.flags...), "img")...)
		conn := <-conns
		_, err := keys.WriteString(c.keys)
		require.NoError(t, err)
		all, _ := io.ReadAll(conn) // until run has gone
		if string(all) != c.sent {
			t.Errorf("%q typed: the container got %q, want %q", c.keys, all, c.sent)
		}
		if got := <-code; got != 0 {
			t.Errorf("%q typed: run ended with %d; the container runs on, want 0", c.keys, got)
		}
		if !echoes(t, screen) {
			t.Error("the terminal stays raw after detaching")
		}
	}
}

func TestBadDetachKeysAreRefused(t *testing.T) {
	l := newLife()
	got := newFake(t, l.routes()).run("run", "-i", "--detach-keys", "ctrl-?", "img")
	if want := "drydock: invalid detach keys (ctrl-?): Unknown character: 'ctrl-?'"; got.code != 125 || got.err[:min(len(want), len(got.err))] != want {
		t.Errorf("got %+v, want 125 and %q", got, want)
	}
}

func TestNoTerminalNoTTY(t *testing.T) {
	f := newFake(t, nil)
	for _, args := range [][]string{{"run", "-it", "img"}, {"exec", "-it", "c1", "sh"}} {
		if got, want := f.run(args...), (result{1, "", "the input device is not a TTY\n"}); got != want {
			t.Errorf("%q: got %+v, want %+v", args, got, want)
		}
	}
	if asked := f.requests(); len(asked) != 0 {
		t.Errorf("asked %q before it was clear that there is no terminal", asked)
	}
}
