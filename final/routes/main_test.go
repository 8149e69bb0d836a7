package routes

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/01-namespaces/sandboxtest"
	"drydock/final/engine"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, nil) }

// A server is the whole API over an engine without networks, and without a
// program to run.
type server struct {
	*testing.T
	http.Handler
	e *engine.Engine
}

func serve(t *testing.T) *server {
	t.Helper()
	sandboxtest.NeedRoot(t)
	self, err := os.Executable()
	require.NoError(t, err)
	dir := t.TempDir()
	e, err := engine.Open(engine.Config{
		Root: filepath.Join(dir, "data"), ExecRoot: filepath.Join(dir, "run"), Shim: self, Bridge: "none",
		CgroupParent: "drydock-routes-test", Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	require.NoError(t, err)
	t.Cleanup(func() { e.Close(context.Background()) })
	return &server{t, Handler(e), e}
}

// ask sends a request, which must be answered with status, and returns the
// body.
func (s *server) ask(status int, method, path, body string) string {
	s.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if strings.HasPrefix(body, "{") {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != status {
		s.Errorf("%s %s: status %d, want %d: %s", method, path, w.Code, status, w.Body)
	}
	return w.Body.String()
}

// read is ask for JSON.
func (s *server) read(out any, path string) {
	s.Helper()
	require.NoError(s, json.Unmarshal([]byte(s.ask(http.StatusOK, "GET", path, "")), out))
}

// refused asks for what must be refused with status and words.
func (s *server) refused(status int, method, path, body, words string) {
	s.Helper()
	var answer struct{ Message string }
	text := s.ask(status, method, path, body)
	if err := json.Unmarshal([]byte(text), &answer); err != nil || !strings.Contains(answer.Message, words) {
		s.Errorf("%s %s: %s, want %q", method, path, text, words)
	}
}

// bring imports an image with one file.
func (s *server) bring(name string) {
	s.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	require.NoError(s, w.WriteHeader(&tar.Header{Name: "file", Typeflag: tar.TypeReg, Size: 5, Mode: 0o644}))
	_, err := w.Write([]byte("words"))
	require.NoError(s, err)
	require.NoError(s, w.Close())
	repo, tag, _ := strings.Cut(name, ":")
	s.ask(http.StatusOK, "POST", "/images/create?fromSrc=-&repo="+repo+"&tag="+tag+"&message=brought&changes=CMD+true", b.String())
}
