package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"
)

// A meddler stands in front of a registry. It gets each blob request first and
// says whether it dealt with it.
type meddler struct {
	http.Handler
	mu     sync.Mutex
	ranges []string // the Range headers of blob requests
	blob   func(w http.ResponseWriter, r *http.Request, content []byte) bool
	any    func(w http.ResponseWriter, r *http.Request) bool
}

func (m *meddler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if m.any != nil && m.any(w, r) {
		return
	}
	if m.blob == nil || r.Method != "GET" || !strings.Contains(r.URL.Path, "/blobs/") {
		m.Handler.ServeHTTP(w, r)
		return
	}
	m.mu.Lock()
	m.ranges = append(m.ranges, r.Header.Get("Range"))
	m.mu.Unlock()
	whole := r.Clone(r.Context())
	whole.Header.Del("Range")
	content := &memory{header: http.Header{}}
	m.Handler.ServeHTTP(content, whole)
	if !m.blob(w, r, content.Bytes()) {
		m.Handler.ServeHTTP(w, r)
	}
}

// memory is a response that stays here.
type memory struct {
	bytes.Buffer
	header http.Header
}

func (m *memory) Header() http.Header { return m.header }
func (m *memory) WriteHeader(int)     {}

// broken sends the first n of the bytes that were promised, then hangs up.
func broken(w http.ResponseWriter, content []byte, n int) {
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	w.Write(content[:n])
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// large tells layers from configs in these tests.
func large(content []byte) bool { return len(content) > 100_000 }

func TestBrokenConnectionsAreResumed(t *testing.T) {
	for _, ranges := range []bool{true, false} {
		t.Run(fmt.Sprintf("server knows ranges: %v", ranges), func(t *testing.T) {
			m := &meddler{Handler: oracle()}
			host := serve(t, m)
			img := image3(t)
			seed(t, host+"/a:1", img)
			m.blob = func(w http.ResponseWriter, r *http.Request, content []byte) bool {
				from := 0
				fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
				switch {
				case !large(content):
					return false
				case from == 0 && ranges, !ranges && r.Header.Get("Range") == "":
					broken(w, content, 1000)
				case ranges:
					w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
					w.WriteHeader(http.StatusPartialContent)
					w.Write(content[from:])
				default:
					w.Write(content)
				}
				return true
			}
			var pauses []time.Duration
			got, err := hasty(&pauses).Pull(t.Context(), parse(t, host+"/a:1"), v1.Platform{}, Credentials{})
			require.NoError(t, err)
			layers, err := got.Layers()
			require.NoError(t, err)
			for _, l := range layers {
				r, err := l.Compressed()
				require.NoError(t, err)
				if _, err := io.Copy(io.Discard, r); err != nil {
					t.Errorf("a layer whose connection broke once: %v", err)
				}
			}
			if !slices.Contains(m.ranges, "bytes=1000-") || len(pauses) != 3 {
				t.Errorf("asked for ranges %q after pauses %v", m.ranges, pauses)
			}
		})
	}
}

// first pulls and reads the first layer to its end.
func first(t *testing.T, c *Client, where string) error {
	t.Helper()
	img, err := c.Pull(t.Context(), parse(t, where), v1.Platform{}, Credentials{})
	if err != nil {
		return err
	}
	layers, err := img.Layers()
	require.NoError(t, err)
	r, err := layers[0].Compressed()
	require.NoError(t, err)
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}

func TestWrongBytesAreRefused(t *testing.T) {
	flip := func(content []byte) []byte {
		other := bytes.Clone(content)
		other[len(other)/2] ^= 1
		return other
	}
	for why, blob := range map[string]func(w http.ResponseWriter, r *http.Request, content []byte) bool{
		"other bytes in a layer":  func(w http.ResponseWriter, r *http.Request, b []byte) bool { w.Write(flip(b)); return large(b) },
		"other bytes in a config": func(w http.ResponseWriter, r *http.Request, b []byte) bool { w.Write(flip(b)); return true },
		"too few bytes":           func(w http.ResponseWriter, r *http.Request, b []byte) bool { w.Write(b[:10]); return true },
		"too many bytes": func(w http.ResponseWriter, r *http.Request, b []byte) bool {
			w.(http.Flusher).Flush() // no Content-Length that would give it away
			w.Write(append(bytes.Clone(b), 0))
			return true
		},
		"an endless blob": func(w http.ResponseWriter, r *http.Request, b []byte) bool {
			for zeros := make([]byte, 1<<16); r.Context().Err() == nil; {
				w.Write(zeros)
			}
			return true
		},
		"a range from elsewhere": func(w http.ResponseWriter, r *http.Request, b []byte) bool {
			if r.Header.Get("Range") == "" {
				broken(w, b, 10)
			}
			w.Header().Set("Content-Range", "bytes 0-5/6")
			w.WriteHeader(http.StatusPartialContent)
			return true
		},
	} {
		t.Run(why, func(t *testing.T) {
			m := &meddler{Handler: oracle()}
			host := serve(t, m)
			seed(t, host+"/a:1", image3(t))
			m.blob = func(w http.ResponseWriter, r *http.Request, b []byte) bool {
				if why == "other bytes in a layer" && !large(b) {
					return false
				}
				return blob(w, r, b)
			}
			if err := first(t, hasty(nil), host+"/a:1"); !errors.Is(err, errContent) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestForeignManifestsAreRefused(t *testing.T) {
	const config = `"config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,"digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"}`
	const oci = "application/vnd.oci.image.manifest.v1+json"
	for why, c := range map[string]struct{ body, header, digest, want string }{
		"other digest in the header": {`{"schemaVersion":2,"layers":[]}`, oci, anyDigest, "turns out to be"},
		"two opinions on its type":   {`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`, oci, "", "calls itself"},
		"image and index":            {`{"schemaVersion":2,"layers":[],"manifests":[]}`, oci, "", "both an image and an index"},
		"schema 1":                   {`{"schemaVersion":1}`, oci, "", "schema 1"},
		"a web page":                 {`{}`, "text/html", "", "unsupported manifest media type"},
		"no JSON":                    {`<html>`, oci, "", "read manifest"},
		"too large":                  {strings.Repeat(" ", 5<<20), oci, "", "larger than"},
		"a gigantic config":          {`{"schemaVersion":2,` + strings.Replace(config, `"size":2`, `"size":99999999`, 1) + `}`, oci, "", "more than"},
		"a negative config":          {`{"schemaVersion":2,` + strings.Replace(config, `"size":2`, `"size":-1`, 1) + `}`, oci, "", "has -1 bytes"},
		"more layers than the config": {`{"schemaVersion":2,` + config + `,"layers":[{"mediaType":"x","size":1,"digest":"` + anyDigest + `"}]}`, oci, "",
			"the manifest has 1 layers, its config 0"},
		"a foreign layer": {`{"schemaVersion":2,` + config + `,"layers":[{"mediaType":"x","size":1,"digest":"` + anyDigest + `","urls":["http://thief/"]}]}`, oci, "",
			"is foreign"},
		"a digest that is a path": {`{"schemaVersion":2,"config":{"digest":"sha256:../../x"}}`, oci, "", "read manifest"},
	} {
		t.Run(why, func(t *testing.T) {
			host := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "/manifests/") {
					w.Header().Set("Content-Type", c.header)
					w.Header().Set("Docker-Content-Digest", c.digest)
					io.WriteString(w, c.body)
				} else if strings.Contains(r.URL.Path, "/blobs/") {
					io.WriteString(w, "{}")
				}
			}))
			_, err := hasty(nil).Pull(t.Context(), parse(t, host+"/a"), v1.Platform{}, Credentials{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want … %s …", err, c.want)
			}
		})
	}
}

func TestManifestByDigestIsVerified(t *testing.T) {
	m := &meddler{Handler: oracle()}
	host := serve(t, m)
	img := image3(t)
	seed(t, host+"/a:1", img)
	other := image3(t)
	seed(t, host+"/a:2", other)
	m.any = func(w http.ResponseWriter, r *http.Request) bool {
		r.URL.Path = strings.Replace(r.URL.Path, digestOf(t, img), "2", 1)
		return false
	}
	_, err := hasty(nil).Pull(t.Context(), parse(t, host+"/a@"+digestOf(t, img)), v1.Platform{}, Credentials{})
	if !errors.Is(err, errContent) {
		t.Errorf("asked for one digest, got another: %v", err)
	}
}

func TestBusyRegistryIsAskedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		after  string
		times  int
		ok     bool
		least  time.Duration
	}{
		"too many requests": {429, "7", 2, true, 7 * time.Second},
		"a date":            {503, time.Now().Add(30 * time.Second).UTC().Format(http.TimeFormat), 1, true, 20 * time.Second},
		"bad gateway":       {502, "", 4, true, firstPause},
		"for ever":          {500, "", 99, false, firstPause},
		"gone for the day":  {429, "86400", 1, false, 0},
		"not our fault":     {400, "", 1, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			m := &meddler{Handler: oracle()}
			host := serve(t, m)
			seed(t, host+"/a:1", image3(t))
			asked := 0
			m.any = func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.Contains(r.URL.Path, "/manifests/") {
					return false
				}
				if asked++; asked <= c.times {
					w.Header().Set("Retry-After", c.after)
					w.WriteHeader(c.status)
				}
				return asked <= c.times
			}
			var pauses []time.Duration
			_, err := hasty(&pauses).Pull(t.Context(), parse(t, host+"/a:1"), v1.Platform{}, Credentials{})
			if (err == nil) != c.ok {
				t.Errorf("the pull ends with %v after pauses %v", err, pauses)
			}
			if c.least > 0 && (len(pauses) == 0 || slices.Min(pauses) < c.least) {
				t.Errorf("paused %v, want at least %v each", pauses, c.least)
			}
			if asked > maxAttempts {
				t.Errorf("asked %d times", asked)
			}
		})
	}
}

func TestPushGoesOnAfterABrokenConnection(t *testing.T) {
	for _, chunk := range []int64{0, 100_000} {
		m := &meddler{Handler: oracle()}
		host := serve(t, m)
		broke := 0
		m.any = func(w http.ResponseWriter, r *http.Request) bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			late := chunk == 0 || !strings.HasPrefix(r.Header.Get("Content-Range"), "0-")
			if strings.Contains(r.URL.Path, "/blobs/uploads/") && r.ContentLength > 20_000 && late && broke < 3 {
				broke++
				io.CopyN(io.Discard, r.Body, 10_000)
				panic(http.ErrAbortHandler)
			}
			return false
		}
		img := image3(t)
		c := hasty(nil)
		c.Chunk = chunk
		_, err := c.Push(t.Context(), parse(t, host+"/a:1"), img, Credentials{}, nil)
		require.NoError(t, err)
		if broke != 3 {
			t.Errorf("only %d connections broke", broke)
		}
		got, err := c.Pull(t.Context(), parse(t, host+"/a:1"), v1.Platform{}, Credentials{})
		require.NoError(t, err)
		same(t, got, img)
	}
}

func TestCancelledPullStops(t *testing.T) {
	m := &meddler{Handler: oracle()}
	host := serve(t, m)
	seed(t, host+"/a:1", image3(t))
	ctx, cancel := context.WithCancel(t.Context())
	m.blob = func(w http.ResponseWriter, r *http.Request, b []byte) bool {
		if !large(b) {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(b)))
		w.Write(b[:10])
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done() // the client hangs up
		return true
	}
	img, err := new(Client).Pull(ctx, parse(t, host+"/a:1"), v1.Platform{}, Credentials{})
	require.NoError(t, err)
	layers, _ := img.Layers()
	r, err := layers[0].Compressed()
	require.NoError(t, err)
	if _, err = io.Copy(io.Discard, r); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	require.NoError(t, r.Close())
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a closed layer reads on: %v", err)
	}
}
