package server

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"

	"drydock/01-namespaces/sandboxtest"
	"drydock/05-registry/wire"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, nil) }

// A bench is a registry on loopback and somebody who talks HTTP to it.
type bench struct {
	t   *testing.T
	dir string
	url string
}

func start(t *testing.T, c Config) bench {
	t.Helper()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	s, err := Open(c)
	require.NoError(t, err)
	ts := httptest.NewServer(s)
	t.Cleanup(func() {
		ts.Close()
		s.Close()
	})
	return bench{t, c.Dir, ts.URL}
}

func (b bench) host() string { return strings.TrimPrefix(b.url, "http://") }

// ask makes a request; header are pairs. The body has been read.
func (b bench) ask(method, path, body string, header ...string) (*http.Response, string) {
	b.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = b.url + path
	}
	req, err := http.NewRequest(method, path, strings.NewReader(body))
	require.NoError(b.t, err)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(b.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	return resp, string(text)
}

// want is ask, held to a status and, for errors, to a code.
func (b bench) want(status int, code, method, path, body string, header ...string) *http.Response {
	b.t.Helper()
	resp, text := b.ask(method, path, body, header...)
	if resp.StatusCode != status || code != "" && !strings.Contains(text, `"code":"`+code+`"`) {
		b.t.Errorf("%s %s answers %d %s, want %d %s", method, path, resp.StatusCode, text, status, code)
	}
	return resp
}

func digest(s string) string {
	h, _, _ := v1.SHA256(strings.NewReader(s))
	return h.String()
}

// blob puts content into a repository and returns its digest.
func (b bench) blob(repo, content string) string {
	b.t.Helper()
	b.want(201, "", "POST", "/v2/"+repo+"/blobs/uploads/?digest="+digest(content), content)
	return digest(content)
}

const ociManifest = "application/vnd.oci.image.manifest.v1+json"

// manifest is a small manifest over blobs that it has put there first.
func (b bench) manifest(repo, extra string) string {
	b.t.Helper()
	config := b.blob(repo, "{}")
	return fmt.Sprintf(`{"schemaVersion":2,"mediaType":%q,"config":{"mediaType":"application/x","size":2,"digest":%q},"layers":[]%s}`,
		ociManifest, config, extra)
}

func image(t *testing.T, layers int) v1.Image {
	t.Helper()
	img, err := random.Image(1<<16, int64(layers))
	require.NoError(t, err)
	return img
}

func TestForeignClientPushesAndPulls(t *testing.T) {
	b := start(t, Config{})
	img := image(t, 3)
	ref, err := name.ParseReference(b.host() + "/some/where:v1")
	require.NoError(t, err)
	require.NoError(t, remote.Write(ref, img))
	got, err := remote.Image(ref)
	require.NoError(t, err)
	if err := validate.Image(got); err != nil {
		t.Errorf("what came back is not a valid image: %v", err)
	}
	want, _ := img.Digest()
	if have, _ := got.Digest(); have != want {
		t.Errorf("pushed %s, pulled %s", want, have)
	}
}

func TestForeignClientPushesAnIndexAndListsIt(t *testing.T) {
	b := start(t, Config{})
	index, err := random.Index(1024, 2, 3)
	require.NoError(t, err)
	for _, tag := range []string{"b", "a", "c"} {
		ref, err := name.ParseReference(b.host() + "/many:" + tag)
		require.NoError(t, err)
		require.NoError(t, remote.WriteIndex(ref, index))
	}
	repo, err := name.NewRepository(b.host() + "/many")
	require.NoError(t, err)
	tags, err := remote.List(repo, remote.WithPageSize(2))
	require.NoError(t, err)
	if got := strings.Join(tags, " "); got != "a b c" {
		t.Errorf("tags are %q, want them all, sorted, over two pages", got)
	}
	got, err := remote.Index(repo.Tag("a"))
	require.NoError(t, err)
	if err := validate.Index(got); err != nil {
		t.Errorf("what came back is not a valid index: %v", err)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	b := start(t, Config{})
	none := digest("nothing")
	b.want(200, "", "GET", "/v2/", "")
	b.want(404, wire.ManifestUnknown, "GET", "/v2/a/manifests/latest", "")
	b.want(404, wire.ManifestUnknown, "GET", "/v2/a/manifests/"+none, "")
	b.want(404, wire.ManifestUnknown, "GET", "/v2/a/manifests/.bad", "")
	b.want(404, wire.ManifestUnknown, "DELETE", "/v2/a/manifests/"+none, "")
	b.want(404, wire.BlobUnknown, "GET", "/v2/a/blobs/"+none, "")
	b.want(404, wire.NameUnknown, "GET", "/v2/a/tags/list", "")
	b.want(404, "BLOB_UPLOAD_UNKNOWN", "PATCH", "/v2/a/blobs/uploads/"+strings.Repeat("0", 32), "x")
	b.want(404, "BLOB_UPLOAD_UNKNOWN", "GET", "/v2/a/blobs/uploads/..", "")
	b.want(400, "DIGEST_INVALID", "GET", "/v2/a/blobs/sha256:zz", "")
	b.want(405, "UNSUPPORTED", "PUT", "/v2/a/blobs/"+none, "")
	b.want(404, "UNSUPPORTED", "GET", "/v3/", "")
}

func TestNamesStayInsideTheDirectory(t *testing.T) {
	b := start(t, Config{})
	canary := filepath.Join(b.dir, "..", "canary")
	require.NoError(t, os.WriteFile(canary, []byte("x"), 0o600))
	for _, repo := range []string{"..", "../x", "a/../../b", "a/_uploads", "_catalog", "A", "a//b", "a/.", strings.Repeat("a", 256)} {
		path := "/v2/" + strings.ReplaceAll(strings.ReplaceAll(repo, "/", "%2F"), ".", "%2E")
		b.want(400, "NAME_INVALID", "POST", path+"/blobs/uploads/", "")
		b.want(400, "NAME_INVALID", "PUT", path+"/manifests/x", "{}", "Content-Type", ociManifest)
	}
	b.want(400, "MANIFEST_INVALID", "PUT", "/v2/a/manifests/%2E%2Ex", "{}", "Content-Type", ociManifest)
	b.want(400, "MANIFEST_INVALID", "DELETE", "/v2/a/manifests/.%2E", "")
	left, err := os.ReadDir(filepath.Join(b.dir, "repositories"))
	require.NoError(t, err)
	if len(left) != 0 {
		t.Errorf("refused names left %v behind", left)
	}
}

func TestLoginGuardsEverything(t *testing.T) {
	b := start(t, Config{Login: func(user, password string) bool { return user == "ann" && password == "s3cret" }})
	resp := b.want(401, wire.Unauthorized, "GET", "/v2/", "")
	if got := resp.Header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Basic realm=") {
		t.Errorf("the challenge is %q", got)
	}
	b.want(401, wire.Unauthorized, "GET", "/v2/_catalog", "")
	req, _ := http.NewRequest("GET", b.url+"/v2/", nil)
	for password, want := range map[string]int{"s3cret": 200, "wrong": 401, "": 401} {
		req.SetBasicAuth("ann", password)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("password %q answers %d, want %d", password, resp.StatusCode, want)
		}
	}
}

func TestOurTroubleStaysOurs(t *testing.T) {
	var log bytes.Buffer
	b := start(t, Config{Log: newLog(&log)})
	require.NoError(t, os.RemoveAll(filepath.Join(b.dir, "tmp")))
	resp, text := b.ask("POST", "/v2/a/blobs/uploads/?digest="+digest("x"), "x")
	if resp.StatusCode != 500 || strings.Contains(text, b.dir) {
		t.Errorf("a broken disk answers %d %s: want 500 and no path of ours", resp.StatusCode, text)
	}
	if !strings.Contains(log.String(), b.dir) {
		t.Errorf("the log does not say what happened: %q", log.String())
	}
}
