package api

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Requests that no client of ours sends. Each is answered with an error or
// with a closed connection, and the next client is served as ever.
func TestMalformedRequests(t *testing.T) {
	h := open(t)
	const create = "POST /v1.51/containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	long := strings.Repeat("x", 9<<20)
	for what, c := range map[string]struct {
		request string
		status  string // any of these
		words   string
	}{
		"a negative length":         {create + "Content-Length: -1\r\n\r\n{}", "400", ""},
		"two lengths":               {create + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", "400", ""},
		"a length of words":         {create + "Content-Length: 0x2\r\n\r\n{}", "400", ""},
		"a length of none":          {create + "Content-Length: 0\r\n\r\n{}", "400", "got EOF while reading request body"},
		"no length":                 {create + "\r\n", "400", "got EOF while reading request body"},
		"a length beside chunks":    {create + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", ""},
		"unknown encoding":          {create + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501", ""},
		"two encodings":             {create + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", "400 501", ""},
		"a chunk of nonsense":       {create + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", "400", ""},
		"a chunk beyond all":        {create + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n", "400", ""},
		"a space before the colon":  {create + "Content-Length : 2\r\n\r\n{}", "400", ""},
		"a body of nine megabytes":  {create + fmt.Sprintf("Content-Length: %d\r\n\r\n{\"Image\":%q}", len(long)+12, long), "400", "request body is too large"},
		"a hundred thousand arrays": {create + "Content-Length: 100000\r\n\r\n" + strings.Repeat("[", 100000), "400", "invalid JSON"},
		"a body that is no JSON":    {create + "Content-Length: 4\r\n\r\nnull", "400", "config cannot be empty"},
		"a header of two megabytes": {create + "X: " + strings.Repeat("x", 2<<20) + "\r\n\r\n", "431", ""},
		"no host":                   {"GET /_ping HTTP/1.1\r\n\r\n", "400", ""},
		"two hosts":                 {"GET /_ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400", ""},
		"another protocol":          {"GET /_ping FTP/1.0\r\nHost: a\r\n\r\n", "400", ""},
		"a path that climbs":        {"GET /v1.51/containers/%2e%2e/json HTTP/1.1\r\nHost: a\r\n\r\n", "307 404", ""},
		"a name with a slash":       {"GET /v1.51/containers/..%2f..%2fimages/json HTTP/1.1\r\nHost: a\r\n\r\n", "307 404", ""},
		"a page of the web":         {"POST /v1.51/containers/prune HTTP/1.1\r\nHost: a\r\nOrigin: http://evil.example\r\n\r\n", "403", "web pages"},
		"a form of the web":         {"POST /containers/create HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", "400", "unsupported Content-Type"},
		"an upgrade to nothing":     {"POST /v1.51/containers/nobody/attach HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n", "404", "No such container: nobody"},
		"a filter of nonsense":      {"GET /containers/json?filters=%7b HTTP/1.1\r\nHost: a\r\n\r\n", "400", "invalid filter"},
		"a limit of nonsense":       {"GET /containers/json?limit=x HTTP/1.1\r\nHost: a\r\n\r\n", "400", "limit"},
		"a size beyond all":         {"POST /containers/x/resize?h=99999&w=1 HTTP/1.1\r\nHost: a\r\n\r\n", "400", "invalid size"},
	} {
		status, body := h.raw(c.request)
		if !strings.Contains(c.status, status) || !strings.Contains(body, c.words) {
			t.Errorf("%s: %s %.200q, want %s …%s…", what, status, body, c.status, c.words)
		}
		if status, body := h.raw("GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n"); status != "200" || body != "OK" {
			t.Fatalf("after %s the daemon answers %s %q", what, status, body)
		}
	}
	if list, err := h.d.List(all); err != nil || len(list) != 0 {
		t.Errorf("malformed requests made %v, %v", list, err)
	}
}

// raw sends bytes and returns the status and the body of the answer.
func (h harbour) raw(request string) (status, body string) {
	h.t.Helper()
	conn, r := h.dial("")
	defer conn.Close()
	require.NoError(h.t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	go io.WriteString(conn, request) // the server may hang up before it has read all
	answer, err := http.ReadResponse(r, nil)
	require.NoError(h.t, err, "%.60q", request)
	text, err := io.ReadAll(answer.Body)
	require.NoError(h.t, err)
	return fmt.Sprint(answer.StatusCode), string(text)
}

// A client that sends half a request and nothing more holds nobody up.
func TestHalfARequest(t *testing.T) {
	h := open(t)
	for _, half := range []string{"G", "GET /_pi", "POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"} {
		conn, _ := h.dial("")
		defer conn.Close()
		_, err := io.WriteString(conn, half)
		require.NoError(t, err)
	}
	if status, _ := h.raw("GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n"); status != "200" {
		t.Errorf("beside clients that dawdle the daemon answers %s", status)
	}
}
