package cli

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A fake is a daemon that answers by a table and remembers what it was asked.
type fake struct {
	t      *testing.T
	socket string
	routes map[string]http.HandlerFunc // "POST /containers/create"

	mu     sync.Mutex // guards what is below
	asked  []string
	bodies map[string]map[string]any // of the last request by route
}

// newFake listens until the test ends.
func newFake(t *testing.T, routes map[string]http.HandlerFunc) *fake {
	t.Helper()
	f := &fake{t: t, socket: filepath.Join(t.TempDir(), "sock"), routes: routes, bodies: map[string]map[string]any{}}
	l, err := net.Listen("unix", f.socket)
	require.NoError(t, err)
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: f}}
	server.Start()
	t.Cleanup(server.CloseClientConnections)
	return f
}

var versioned = regexp.MustCompile(`^/v1\.\d+`)

// ServeHTTP notes the request and answers by the table.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route := r.Method + " " + versioned.ReplaceAllString(r.URL.Path, "")
	if strings.HasSuffix(route, "/_ping") {
		w.Header().Set("Api-Version", "1.51")
		w.Header().Set("Ostype", "linux")
		return
	}
	f.note(route, r)
	if answer, ok := f.routes[route]; ok {
		answer(w, r)
		return
	}
	refuse(http.StatusNotFound, "nothing at "+route)(w, r)
}

func (f *fake) note(route string, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, route)
	var body map[string]any
	if r.Header.Get("Content-Type") == "application/json" && json.NewDecoder(r.Body).Decode(&body) == nil {
		f.bodies[route] = body
	}
}

// requests are the routes that were asked for, in order.
func (f *fake) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.asked...)
}

// body is what was sent to route last, without what says nothing: null,
// empty, 0 and false.
func (f *fake) body(route string) map[string]any {
	f.mu.Lock()
	defer f.mu.Unlock()
	said, _ := terse(f.bodies[route]).(map[string]any)
	return said
}

// terse drops what a reader of JSON cannot tell from nothing.
func terse(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if inner = terse(inner); inner == nil {
				delete(v, key)
			} else {
				v[key] = inner
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		if len(v) == 0 {
			return nil
		}
	case string, float64, bool:
		if v == "" || v == 0.0 || v == false {
			return nil
		}
	}
	return v
}

// refuse answers as the daemon does when it says no.
func refuse(status int, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]string{"message": message})
	}
}

// say answers with JSON.
func say(status int, body any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(body)
	}
}

// hijack gives the connection to talk, as attach and exec do.
func hijack(framed bool, talk func(conn net.Conn)) http.HandlerFunc {
	kind := "application/vnd.docker.raw-stream"
	if framed {
		kind = "application/vnd.docker.multiplexed-stream"
	}
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 UPGRADED\r\nContent-Type: "+kind+"\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
		talk(conn)
	}
}

// A result is how a command ended and what it wrote.
type result struct {
	code     int
	out, err string
}

// run is one run of the command line against f, with empty stdin.
func (f *fake) run(args ...string) result {
	f.t.Helper()
	in, err := os.Open(os.DevNull)
	require.NoError(f.t, err)
	defer in.Close()
	out, errOut := tempFile(f.t), tempFile(f.t)
	code := Main(append([]string{"-H", "unix://" + f.socket}, args...), in, out, errOut)
	return result{code, content(f.t, out), content(f.t, errOut)}
}

func tempFile(t *testing.T) *os.File {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	t.Cleanup(func() { file.Close() })
	return file
}

func content(t *testing.T, file *os.File) string {
	t.Helper()
	b, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	return string(b)
}
