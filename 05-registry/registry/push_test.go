package registry

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"

	"drydock/05-registry/server"
	"drydock/05-registry/wire"
)

// A layer that cannot be sent ends the push: no manifest may follow it.
func TestRefusedLayerEndsThePush(t *testing.T) {
	m := &meddler{Handler: ours(t, server.Config{})}
	host := serve(t, m)
	m.any = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == "PUT" && strings.Contains(r.URL.Path, "/manifests/") {
			t.Error("the manifest came without its layers")
		}
		if r.ContentLength < 100_000 {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		w.Write([]byte(`{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}`))
		return true
	}
	_, err := hasty(nil).Push(t.Context(), parse(t, host+"/a:1"), image3(t), Credentials{}, nil)
	var no *wire.Error
	if !errors.As(err, &no) || !strings.HasSuffix(err.Error(), "denied: requested access to the resource is denied") {
		t.Errorf("got %v", err)
	}
}

// Some registries take the bytes of a blob elsewhere: the body goes there whole.
func TestUploadFollowsARedirect(t *testing.T) {
	m := &meddler{Handler: ours(t, server.Config{})}
	host := serve(t, m)
	m.any = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != "PUT" || r.URL.Query().Has("again") || !strings.Contains(r.URL.Path, "/uploads/") {
			return false
		}
		http.Redirect(w, r, r.URL.String()+"&again=1", http.StatusTemporaryRedirect)
		return true
	}
	img := image3(t)
	_, err := hasty(nil).Push(t.Context(), parse(t, host+"/a:1"), img, Credentials{}, nil)
	require.NoError(t, err)
	got, err := new(Client).Pull(t.Context(), parse(t, host+"/a:1"), v1.Platform{}, Credentials{})
	require.NoError(t, err)
	same(t, got, img)
}

func TestUploadStaysInTLS(t *testing.T) {
	u := &upload{session: &session{base: &url.URL{Scheme: "https", Host: "a"}}}
	resp := &http.Response{StatusCode: 202, Header: http.Header{"Location": {"http://thief/upload"}}}
	if err := u.follow(resp, 202); err == nil || !strings.Contains(err.Error(), "out of TLS") {
		t.Errorf("got %v", err)
	}
	resp.Header.Set("Location", "https://store/upload")
	if err := u.follow(resp, 202); err != nil || u.location.Host != "store" {
		t.Errorf("got %v", err)
	}
}

// Who hangs up at the first word is asked once by each scheme, not five times.
func TestSilentHostIsNotWaitedFor(t *testing.T) {
	host := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	var pauses []time.Duration
	if _, err := hasty(&pauses).Pull(t.Context(), parse(t, host+"/a"), v1.Platform{}, Credentials{}); err == nil || len(pauses) > 0 {
		t.Errorf("%v after pauses %v", err, pauses)
	}
}

// An index says how long its manifests are, and that is a promise, too.
func TestManifestHasTheSizeThatItsIndexSays(t *testing.T) {
	const index = "application/vnd.oci.image.index.v1+json"
	const inner = `{"schemaVersion":2,"layers":[]}`
	h, err := wire.Digest("sha256", []byte(inner))
	require.NoError(t, err)
	host := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/latest") {
			w.Header().Set("Content-Type", index)
			w.Write([]byte(`{"schemaVersion":2,"manifests":[{"digest":"` + h.String() + `","size":7,"platform":{"os":"linux","architecture":"arm64"}}]}`))
			return
		}
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		w.Write([]byte(inner))
	}))
	_, err = new(Client).Pull(t.Context(), parse(t, host+"/a"), v1.Platform{Architecture: "arm64"}, Credentials{})
	if !errors.Is(err, errContent) || !strings.Contains(err.Error(), "its index says 7") {
		t.Errorf("got %v", err)
	}
}
