package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/require"
)

// serve answers on a socket until the test ends.
func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sock")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	server := &http.Server{Handler: h}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	c, err := New("unix://" + path)
	require.NoError(t, err)
	return c
}

func TestRequestsAndAnswers(t *testing.T) {
	var asked, sent, kind string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		asked, sent, kind = r.Method+" "+r.URL.String(), string(b), r.Header.Get("Content-Type")
		io.WriteString(w, `{"Id":"c1"}`)
	})
	made, err := c.Create(context.Background(), "n", "linux/amd64", container.CreateRequest{})
	require.NoError(t, err)
	if made.ID != "c1" || asked != "POST /containers/create?name=n&platform=linux%2Famd64" || sent != "{}" || kind != "application/json" {
		t.Errorf("asked %s with %s (%s), got %+v", asked, sent, kind, made)
	}
}

func TestRefusals(t *testing.T) {
	for answer, want := range map[string]string{
		`{"message":"No such container: x"}`: "Error response from daemon: No such container: x",
		"plain words\n":                      "Error response from daemon: plain words",
		"":                                   "Error response from daemon: request returned 404 Not Found",
	} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, answer)
		})
		for _, err := range []error{c.Start(context.Background(), "x", ""), hijackError(c)} {
			if err == nil || err.Error() != want || Status(err) != http.StatusNotFound {
				t.Errorf("%q: got %v (%d), want %s", answer, err, Status(err), want)
			}
		}
	}
}

func hijackError(c *Client) error {
	_, err := c.Attach(context.Background(), "x", "")
	return err
}

func TestNobodyAnswers(t *testing.T) {
	c, err := New("unix:///nowhere/sock")
	require.NoError(t, err)
	_, err = c.Inspect(context.Background(), "x")
	if want := "Cannot connect to the Drydock daemon at unix:///nowhere/sock. Is the drydockd daemon running?"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	for _, host := range []string{"", "nowhere", "ssh://x", "unix://"} {
		if _, err := New(host); err == nil {
			t.Errorf("%q was taken for a host", host)
		}
	}
}

// TestUploadIsAnsweredMeanwhile sends far more than a socket holds in both
// directions: whoever only writes before it reads never ends.
func TestUploadIsAnsweredMeanwhile(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		io.Copy(w, r.Body)
	})
	load := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB
	body, err := c.Stream(context.Background(), Request{Method: "POST", Path: "/images/load", Body: struct{ io.Reader }{bytes.NewReader(load)}})
	require.NoError(t, err)
	defer body.Close()
	back, err := io.ReadAll(body)
	require.NoError(t, err)
	if !bytes.Equal(back, load) {
		t.Errorf("%d bytes came back of %d", len(back), len(load))
	}
}

func TestUploadThatIsRefused(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"message":"no archive"}`)
	})
	endless, feeder := io.Pipe()
	defer feeder.Close()
	_, err := c.Stream(context.Background(), Request{Method: "POST", Path: "/images/load", Body: endless})
	if Status(err) != http.StatusBadRequest {
		t.Errorf("got %v: the refusal waits behind an upload that nobody reads", err)
	}
}

func TestCancelling(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush() // the head, and then nothing
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(context.Background())
	exits, err := c.Wait(ctx, "x", "not-running")
	require.NoError(t, err)
	cancel()
	if exit := <-exits; !errors.Is(exit.Err, context.Canceled) {
		t.Errorf("got %v, want that the caller gave up", exit.Err)
	}
	if _, err := c.Inspect(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestDaemonThatDies(t *testing.T) {
	c := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	_, err := c.Inspect(context.Background(), "x")
	if err == nil || !strings.HasPrefix(err.Error(), "error during connect: GET /containers/x/json: ") {
		t.Errorf("got %v", err)
	}
}
