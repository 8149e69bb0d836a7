package registry

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"

	"drydock/05-registry/server"
)

// A turnstile is a token server and a registry behind it in one: a token is
// the list of what it allows, and each request is held to it.
type turnstile struct {
	http.Handler
	scopes []string // of the last token
}

func (s *turnstile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/token" {
		s.issue(w, r)
		return
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	part := strings.Split(r.URL.Path, "/")
	need := "repository:" + part[2] + ":pull"
	if r.Method != "GET" && r.Method != "HEAD" {
		need += ",push"
	}
	if token == "" || part[2] != "" && !strings.Contains(token, need) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="http://`+r.Host+`/token",service="turnstile"`)
		w.WriteHeader(401)
		return
	}
	s.Handler.ServeHTTP(w, r)
}

func (s *turnstile) issue(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if user != "" && password != "pw" {
		w.WriteHeader(401)
		w.Write([]byte(`{"details":"incorrect username or password"}`))
		return
	}
	s.scopes = r.URL.Query()["scope"]
	if user == "" { // anybody may read
		for i, scope := range s.scopes {
			s.scopes[i] = strings.TrimSuffix(scope, ",push")
		}
	}
	json.NewEncoder(w).Encode(map[string]any{
		"token": strings.Join(s.scopes, " ") + " ", "expires_in": 60, "refresh_token": "keep " + user})
}

func TestTokensAllowWhatIsDone(t *testing.T) {
	s := &turnstile{Handler: ours(t, server.Config{})}
	host := serve(t, s)
	ann := Credentials{Username: "ann", Password: "pw"}
	img := image3(t)
	_, err := new(Client).Push(t.Context(), parse(t, host+"/one:1"), img, ann, nil)
	require.NoError(t, err)
	if want := []string{"repository:one:pull,push"}; !slices.Equal(s.scopes, want) {
		t.Errorf("a push asks for %q, want %q", s.scopes, want)
	}
	c := &Client{Sources: func(string, v1.Hash) []string { return []string{"one"} }}
	_, err = c.Push(t.Context(), parse(t, host+"/two:1"), img, ann, nil)
	require.NoError(t, err)
	if want := []string{"repository:two:pull,push", "repository:one:pull"}; !slices.Equal(s.scopes, want) {
		t.Errorf("a push that borrows asks for %q, want %q", s.scopes, want)
	}
	got, err := new(Client).Pull(t.Context(), parse(t, host+"/two:1"), v1.Platform{}, Credentials{})
	require.NoError(t, err)
	same(t, got, img)
	if want := []string{"repository:two:pull"}; !slices.Equal(s.scopes, want) {
		t.Errorf("a pull asks for %q, want %q", s.scopes, want)
	}
	if _, err = new(Client).Push(t.Context(), parse(t, host+"/one:2"), img, Credentials{}, nil); err == nil {
		t.Error("anybody may push")
	}
}

func TestLoginWithATokenServer(t *testing.T) {
	host := serve(t, &turnstile{Handler: ours(t, server.Config{})})
	token, status, err := new(Client).Login(t.Context(), host, Credentials{Username: "ann", Password: "pw"})
	if err != nil || token != "keep ann" || status != "Login Succeeded" {
		t.Errorf("%q, %q, %v", token, status, err)
	}
	_, _, err = new(Client).Login(t.Context(), host, Credentials{Username: "ann", Password: "no"})
	want := `Get "http://` + host + `/v2/": unauthorized: incorrect username or password`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
