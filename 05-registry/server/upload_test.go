package server

import (
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/05-registry/wire"
)

func newLog(w io.Writer) *log.Logger { return log.New(w, "", 0) }

func (b bench) upload(repo string) string {
	b.t.Helper()
	return b.want(202, "", "POST", "/v2/"+repo+"/blobs/uploads/", "").Header.Get("Location")
}

func TestUploadInChunks(t *testing.T) {
	b := start(t, Config{})
	at := b.upload("a/b")
	resp := b.want(202, "", "PATCH", at, "hello ", "Content-Range", "0-5")
	if got := resp.Header.Get("Range"); got != "0-5" {
		t.Errorf("after six bytes Range is %q, want 0-5", got)
	}
	resp = b.want(416, "BLOB_UPLOAD_INVALID", "PATCH", at, "world", "Content-Range", "7-11")
	if got := resp.Header.Get("Range"); got != "0-5" {
		t.Errorf("a chunk out of order is told Range %q, want the truth, 0-5", got)
	}
	b.want(416, "", "PATCH", at, "world", "Content-Range", "6-20")
	b.want(400, "", "PATCH", at, "world", "Content-Range", "6-")
	if got := b.want(204, "", "GET", at, "").Header.Get("Range"); got != "0-5" {
		t.Errorf("refused chunks moved the upload to %q", got)
	}
	b.want(202, "", "PATCH", at, "wor", "Content-Range", "6-8")
	b.want(201, "", "PUT", at+"?digest="+digest("hello world"), "ld", "Content-Range", "9-10")
	resp, body := b.ask("GET", "/v2/a/b/blobs/"+digest("hello world"), "")
	if body != "hello world" || resp.Header.Get("Docker-Content-Digest") != digest("hello world") {
		t.Errorf("the blob is %q of %s", body, resp.Header.Get("Docker-Content-Digest"))
	}
	b.want(404, "BLOB_UPLOAD_UNKNOWN", "GET", at, "")
}

func TestUploadWithTheWrongDigestLeavesNothing(t *testing.T) {
	b := start(t, Config{})
	wrong := digest("something else")
	b.want(400, "DIGEST_INVALID", "POST", "/v2/a/blobs/uploads/?digest="+wrong, "content")
	b.want(400, "DIGEST_INVALID", "PUT", b.upload("a")+"?digest="+wrong, "content")
	b.want(400, "DIGEST_INVALID", "PUT", b.upload("a")+"?digest=sha256:xyz", "content")
	at := b.upload("a")
	b.want(202, "", "PATCH", at, "content")
	b.want(400, "DIGEST_INVALID", "PUT", at+"?digest="+wrong, "")
	b.want(404, wire.BlobUnknown, "GET", "/v2/a/blobs/"+wrong, "")
	b.want(404, wire.BlobUnknown, "GET", "/v2/a/blobs/"+digest("content"), "")
}

func TestUploadBySha512(t *testing.T) {
	b := start(t, Config{})
	sum := sha512.Sum512([]byte("content"))
	long := "sha512:" + hex.EncodeToString(sum[:])
	b.want(201, "", "PUT", b.upload("a")+"?digest="+long, "content")
	if _, body := b.ask("GET", "/v2/a/blobs/"+long, ""); body != "content" {
		t.Errorf("the blob is %q", body)
	}
}

func TestUploadBelongsToItsRepository(t *testing.T) {
	b := start(t, Config{})
	at := b.upload("mine")
	b.want(404, "BLOB_UPLOAD_UNKNOWN", "PATCH", strings.Replace(at, "mine", "theirs", 1), "x")
	b.want(204, "", "DELETE", at, "")
	b.want(404, "BLOB_UPLOAD_UNKNOWN", "PATCH", at, "x")
}

func TestUploadIsBounded(t *testing.T) {
	b := start(t, Config{MaxBlob: 10})
	b.want(413, "SIZE_INVALID", "POST", "/v2/a/blobs/uploads/?digest="+digest("elevenbytes"), "elevenbytes")
	at := b.upload("a")
	b.want(202, "", "PATCH", at, "ten bytes.")
	b.want(413, "SIZE_INVALID", "PATCH", at, "!")
}

// A body that breaks off has brought something; the status says how much, and
// the client goes on from there.
func TestUploadGoesOnAfterABrokenConnection(t *testing.T) {
	b := start(t, Config{})
	at := b.upload("a")
	conn, err := net.Dial("tcp", b.host())
	require.NoError(t, err)
	fmt.Fprintf(conn, "PATCH %s HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello", at)
	conn.(*net.TCPConn).CloseWrite()
	io.Copy(io.Discard, conn) // until the server has noticed
	conn.Close()
	var resp *http.Response
	for resp = b.want(204, "", "GET", at, ""); resp.Header.Get("Range") != "0-4"; {
		t.Fatalf("after five of eleven bytes Range is %q", resp.Header.Get("Range"))
	}
	b.want(201, "", "PUT", at+"?digest="+digest("hello world"), " world", "Content-Range", "5-10")
}

func TestTwoWritersDoNotMix(t *testing.T) {
	b := start(t, Config{})
	at := b.upload("a")
	r, w := io.Pipe()
	req, err := http.NewRequest("PATCH", b.url+at, r)
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		done <- err
	}()
	w.Write([]byte("hello")) // the pipe is read: the request is on its way
	for {
		resp, _ := b.ask("GET", at, "")
		if resp.StatusCode == http.StatusConflict {
			break // now it holds the upload
		}
	}
	b.want(409, "BLOB_UPLOAD_INVALID", "PATCH", at, "intruder")
	w.Close()
	require.NoError(t, <-done)
	b.want(201, "", "PUT", at+"?digest="+digest("hello"), "")
}

func TestMount(t *testing.T) {
	b := start(t, Config{})
	d := b.blob("from", "content")
	b.want(201, "", "POST", "/v2/to/blobs/uploads/?mount="+d+"&from=from", "")
	if _, body := b.ask("GET", "/v2/to/blobs/"+d, ""); body != "content" {
		t.Errorf("the mounted blob is %q", body)
	}
	b.want(202, "", "POST", "/v2/else/blobs/uploads/?mount="+d, "")
	b.want(202, "", "POST", "/v2/else/blobs/uploads/?mount="+d+"&from=nobody", "")
	b.want(202, "", "POST", "/v2/else/blobs/uploads/?mount="+d+"&from=../from", "")
	// The bytes are in the store, but nobody lent them to this repository.
	b.want(404, wire.BlobUnknown, "GET", "/v2/else/blobs/"+d, "")
}
