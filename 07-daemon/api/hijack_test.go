package api

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const catBody = `{"Image":"probe","Cmd":["/bin/cat"],"OpenStdin":true,"StdinOnce":true,"AttachStdin":true,"HostConfig":{"NetworkMode":"none"}}`

// A client that sends its input together with its request has been read too
// far by the HTTP server; what it sent ahead must come first.
func TestBytesSentAheadReachTheProgram(t *testing.T) {
	h := open(t)
	id := h.create(catBody)
	conn, r := h.dial("POST /v1.51/containers/" + id + "/attach?stream=1&stdin=1&stdout=1 HTTP/1.1")
	defer conn.Close()
	_, err := io.WriteString(conn, "\r\nahead")
	require.NoError(t, err)
	h.converse(conn, r, id, "ahead")
}

// halfCloser is a client that can end its input and go on reading.
type halfCloser interface {
	io.Writer
	CloseWrite() error
}

// converse waits for the greeting, starts the container, sends more input and
// expects all of it back.
func (h harbour) converse(conn halfCloser, r *bufio.Reader, id, ahead string) {
	h.t.Helper()
	for line := ""; line != "\r\n"; {
		var err error
		line, err = r.ReadString('\n')
		require.NoError(h.t, err)
	}
	require.NoError(h.t, h.d.Start(context.Background(), id))
	_, err := io.WriteString(conn, " over")
	require.NoError(h.t, err)
	require.NoError(h.t, conn.CloseWrite())
	framed, err := io.ReadAll(r)
	require.NoError(h.t, err)
	if out := unframed(framed); out != ahead+" over" {
		h.t.Errorf("the program wrote %q, want %q", out, ahead+" over")
	}
}

// unframed takes the headers of frames out.
func unframed(framed []byte) string {
	var out []byte
	for len(framed) >= 8 {
		n := int(framed[6])<<8 | int(framed[7])
		out, framed = append(out, framed[8:8+n]...), framed[8+n:]
	}
	return string(out)
}

// A connection with TLS has no descriptor that the shim could serve.
func TestAttachOverTLS(t *testing.T) {
	h := open(t)
	secure := httptest.NewUnstartedServer(h.server.Handler)
	secure.StartTLS()
	defer secure.Close()
	id := h.create(catBody)
	conn, err := tls.Dial("tcp", secure.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1.51/containers/%s/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\n\r\n", id)
	h.converse(conn, bufio.NewReader(conn), id, "")
}

// Clients that attach and go away leave nothing behind: no descriptor and no
// goroutine here, no descriptor in the shim; not before the program runs and
// not while it is silent; with input sent ahead or without.
func TestAttachAndDrop(t *testing.T) {
	h := open(t)
	for _, c := range []struct {
		what, ahead string
		runs        bool
	}{
		{"a silent program", "", true},
		{"a silent program, input sent ahead", "x", true},
		{"a container that was never started", "", false},
	} {
		id := h.create(`{"Image":"probe","Cmd":["/bin/sleep","100"],"OpenStdin":true,"HostConfig":{"NetworkMode":"none"}}`)
		pid := 0
		if c.runs {
			require.NoError(t, h.d.Start(context.Background(), id))
			now, err := h.d.Inspect(id, false)
			require.NoError(t, err)
			pid = parent(t, now.State.Pid)
		}
		h.attachAndDrop(id, c.ahead)
		before := count(t, pid)
		for range 200 {
			h.attachAndDrop(id, c.ahead)
		}
		var after counts
		flat := func() bool {
			after = count(t, pid)
			return after.files <= before.files+5 && after.goroutines <= before.goroutines+5 && after.shim <= before.shim+5
		}
		if !eventually(flat) {
			t.Errorf("%s: %+v before, %+v after 200 clients came and went", c.what, before, after)
		}
	}
}

func (h harbour) attachAndDrop(id, ahead string) {
	h.t.Helper()
	conn, r := h.dial("POST /v1.51/containers/" + id + "/attach?stream=1&stdout=1 HTTP/1.1")
	io.WriteString(conn, "\r\n"+ahead)
	line, err := r.ReadString('\n')
	require.NoError(h.t, err)
	require.Equal(h.t, "HTTP/1.1 200 OK\r\n", line)
	conn.Close()
}

// eventually asks until the answer is yes, for ten seconds.
func eventually(ask func() bool) bool {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ask() {
			return true
		}
	}
	return ask()
}

type counts struct{ files, goroutines, shim int }

func count(t *testing.T, shim int) counts {
	c := counts{files: descriptors(t, "self"), goroutines: runtime.NumGoroutine()}
	if shim != 0 {
		c.shim = descriptors(t, fmt.Sprint(shim))
	}
	return c
}

func descriptors(t *testing.T, pid string) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/" + pid + "/fd")
	require.NoError(t, err)
	return len(entries)
}

// parent is the process that started pid. See proc_pid_stat(5).
func parent(t *testing.T, pid int) int {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	var state string
	var ppid int
	_, err = fmt.Sscan(string(stat[bytes.LastIndexByte(stat, ')')+1:]), &state, &ppid)
	require.NoError(t, err)
	return ppid
}

// A client that does not read makes the program wait, as a pipe does, but not
// those who want to end it, or to hear of its end.
func TestSlowClientDoesNotHoldUpTheEnd(t *testing.T) {
	h := open(t)
	id := h.create(catBody)
	for _, stream := range []string{"stdout", "stdin"} {
		conn, r := h.dial("POST /v1.51/containers/" + id + "/attach?stream=1&" + stream + "=1 HTTP/1.1")
		defer conn.Close()
		io.WriteString(conn, "\r\n")
		_, err := r.ReadString('\n')
		require.NoError(t, err)
		if stream == "stdin" { // far more than sockets and pipes hold; nobody reads it at the other end
			go conn.Write(make([]byte, 8<<20))
		}
	}
	ended, err := h.d.Wait(id, "next-exit")
	require.NoError(t, err)
	require.NoError(t, h.d.Start(context.Background(), id))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	now, err := h.d.Inspect(id, false)
	require.NoError(t, err)
	logged := func() int64 { info, _ := os.Stat(now.LogPath); return info.Size() }
	if !eventually(func() bool { return logged() > 1<<20 }) { // the log comes first, then the client
		t.Fatalf("only %d bytes came through", logged())
	}
	require.NoError(t, h.d.Kill(id, "KILL"))
	if end, err := ended(ctx); err != nil || end.StatusCode != 137 {
		t.Fatalf("a client that does not read holds up the end: %v %v", end, err)
	}
}

// Who asks for the stream of a container that went meanwhile is told so with a
// status.
func TestRefusalBeforeTheGreeting(t *testing.T) {
	server, client := net.Pipe()
	go func() {
		refuse(server, os.ErrPermission)
		server.Close()
	}()
	answer, err := http.ReadResponse(bufio.NewReader(client), nil)
	require.NoError(t, err)
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	if answer.StatusCode != 500 || string(text) != `{"message":"permission denied"}` {
		t.Errorf("%d %s", answer.StatusCode, text)
	}
}
