package auth

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/05-registry/wire"
)

// A gate is a registry that wants tokens, and the server that issues them.
type gate struct {
	*httptest.Server
	mu      sync.Mutex
	valid   string           // the token that opens
	issued  int              // how many were asked for
	last    *http.Request    // the last one that asked, its form parsed
	offers  func() []string  // challenges, when not the usual one
	refuse  int              // status of the token server, when not 200
	respond http.HandlerFunc // what is behind the gate
}

func newGate(t *testing.T) *gate {
	g := &gate{respond: func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }}
	g.offers = func() []string {
		return []string{fmt.Sprintf(`Bearer realm="%s/token",service="gate",scope="repository:a:pull"`, g.URL)}
	}
	g.Server = httptest.NewServer(g)
	t.Cleanup(g.Close)
	return g
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.URL.Path == "/token" {
		g.issue(w, r)
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+g.valid || g.valid == "" {
		w.Header()["Www-Authenticate"] = g.offers()
		w.WriteHeader(401)
		return
	}
	g.respond(w, r)
}

func (g *gate) issue(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	g.issued, g.last = g.issued+1, r
	if g.refuse != 0 {
		w.WriteHeader(g.refuse)
		io.WriteString(w, `{"details":"incorrect username or password"}`)
		return
	}
	g.valid = fmt.Sprint("token", g.issued)
	io.WriteString(w, fmt.Sprintf(`{"token":%q,"expires_in":300,"refresh_token":"keep"}`, g.valid))
}

// client talks to the gate with t in between.
func (g *gate) client(t *Transport) *http.Client {
	u, _ := url.Parse(g.URL)
	t.Scheme, t.Host = u.Scheme, u.Host
	return &http.Client{Transport: t}
}

func get(t *testing.T, c *http.Client, address string) int {
	t.Helper()
	resp, err := c.Get(address)
	require.NoError(t, err)
	resp.Body.Close()
	return resp.StatusCode
}

func TestBearerTokenIsFetchedOnceAndKept(t *testing.T) {
	g := newGate(t)
	clock := time.Now()
	tr := &Transport{Scopes: []string{"repository:a:pull,push"}, Now: func() time.Time { return clock }}
	c := g.client(tr)
	for range 3 {
		if got := get(t, c, g.URL+"/v2/"); got != 200 {
			t.Fatalf("status %d", got)
		}
	}
	if g.issued != 1 {
		t.Errorf("three requests fetched %d tokens", g.issued)
	}
	if got := strings.Join(g.last.Form["scope"], " "); got != "repository:a:pull,push repository:a:pull" {
		t.Errorf("asked for scopes %q, want ours and the challenge's", got)
	}
	if g.last.Form.Get("service") != "gate" || g.last.Header.Get("Authorization") != "" || g.last.Form.Has("account") {
		t.Errorf("an anonymous client asks %v with %v", g.last.Form, g.last.Header)
	}
	clock = clock.Add(296 * time.Second) // it lives for 300
	get(t, c, g.URL+"/v2/")
	if g.issued != 2 {
		t.Errorf("a token about to expire was not fetched again (%d)", g.issued)
	}
}

func TestBodyIsSentAgainAfterTheChallenge(t *testing.T) {
	g := newGate(t)
	resp, err := g.client(&Transport{}).Post(g.URL+"/v2/", "text/plain", strings.NewReader("hello"))
	require.NoError(t, err)
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); string(body) != "hello" {
		t.Errorf("behind the gate arrived %q", body)
	}
}

func TestPasswordGoesToTheTokenServer(t *testing.T) {
	g := newGate(t)
	tr := &Transport{Credentials: Credentials{Username: "ann", Password: "pw"}, Offline: true}
	get(t, g.client(tr), g.URL+"/v2/")
	user, password, _ := g.last.BasicAuth()
	if user != "ann" || password != "pw" || g.last.Form.Get("account") != "ann" || g.last.Form.Get("offline_token") != "true" {
		t.Errorf("the token server saw %s:%s and %v", user, password, g.last.Form)
	}
	if tr.RefreshToken() != "keep" {
		t.Errorf("the refresh token is %q", tr.RefreshToken())
	}
}

func TestIdentityTokenIsSentAsAForm(t *testing.T) {
	g := newGate(t)
	get(t, g.client(&Transport{Credentials: Credentials{Username: "ann", IdentityToken: "id"}}), g.URL+"/v2/")
	if g.last.Method != "POST" || g.last.URL.RawQuery != "" || g.last.PostForm.Get("refresh_token") != "id" || g.last.PostForm.Get("grant_type") != "refresh_token" {
		t.Errorf("the token server saw %s %s %v", g.last.Method, g.last.URL, g.last.PostForm)
	}
}

func TestRegistryTokenIsShownAsItIs(t *testing.T) {
	g := newGate(t)
	g.valid = "mine"
	if got := get(t, g.client(&Transport{Credentials: Credentials{RegistryToken: "mine"}}), g.URL+"/v2/"); got != 200 || g.issued != 0 {
		t.Errorf("status %d, %d tokens fetched", got, g.issued)
	}
	if got := get(t, g.client(&Transport{Credentials: Credentials{RegistryToken: "bad"}}), g.URL+"/v2/"); got != 401 || g.issued != 0 {
		t.Errorf("a wrong token: status %d, %d tokens fetched", got, g.issued)
	}
}

func TestWrongPassword(t *testing.T) {
	g := newGate(t)
	g.refuse = 401
	_, err := g.client(&Transport{Credentials: Credentials{Username: "ann", Password: "hunter2"}}).Get(g.URL + "/v2/")
	var no *wire.Error
	if !errors.As(err, &no) || no.Error() != "unauthorized: incorrect username or password" {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error tells the password: %v", err)
	}
}

func TestInsufficientScopeEndsTheDance(t *testing.T) {
	g := newGate(t)
	g.offers = func() []string {
		return []string{fmt.Sprintf(`Bearer realm="%s/token",scope="repository:a:pull",error="insufficient_scope"`, g.URL)}
	}
	tr := &Transport{}
	c := g.client(tr)
	get(t, c, g.URL+"/v2/")
	g.valid = "something better"
	if got := get(t, c, g.URL+"/v2/"); got != 401 || g.issued != 1 {
		t.Errorf("status %d after %d tokens: a token for the same scopes is no better", got, g.issued)
	}
}

func TestBasic(t *testing.T) {
	seen := ""
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seen = r.Header.Get("Authorization"); seen != "Basic "+encodePair("ann", "pw") {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(401)
		}
	}))
	defer ts.Close()
	host := strings.TrimPrefix(ts.URL, "http://")
	with := func(c Credentials) *http.Client {
		return &http.Client{Transport: &Transport{Scheme: "http", Host: host, Credentials: c}}
	}
	if got := get(t, with(Credentials{Username: "ann", Password: "pw"}), ts.URL); got != 200 {
		t.Errorf("the right password: %d", got)
	}
	if got := get(t, with(Credentials{Username: "ann", Password: "no"}), ts.URL); got != 401 {
		t.Errorf("the wrong password: %d", got)
	}
	if _, err := with(Credentials{}).Get(ts.URL); !errors.Is(err, ErrNoCredentials) {
		t.Errorf("no password: %v", err)
	}
}

// A registry may send us anywhere; where it sends us, nobody sees who we are,
// not even when he asks with a challenge of his own.
func TestCredentialsStayAtHome(t *testing.T) {
	var leaked []string
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leaked = append(leaked, r.Header.Values("Authorization")...)
		w.Header().Set("WWW-Authenticate", `Basic realm="give"`)
		w.WriteHeader(401)
	}))
	defer thief.Close()
	for _, credentials := range []Credentials{{Username: "ann", Password: "pw"}, {RegistryToken: "mine"}, {}} {
		g := newGate(t)
		g.valid = "mine"
		g.respond = func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, thief.URL, http.StatusTemporaryRedirect)
		}
		if got := get(t, g.client(&Transport{Credentials: credentials}), g.URL+"/v2/a/blobs/x"); got != 401 {
			t.Errorf("the thief's answer was %d, want it handed back as it is", got)
		}
	}
	if len(leaked) > 0 {
		t.Errorf("the other host saw %v", leaked)
	}
}

func TestTokenServerMustBeAsSafeAsTheRegistry(t *testing.T) {
	tr := &Transport{Scheme: "https", Host: "r", Credentials: Credentials{Username: "ann", Password: "pw"}}
	for realm, want := range map[string]string{
		"http://other/token": "does not",
		"":                   "names no token server",
		"/token":             "names no token server",
	} {
		err := tr.bearer(t.Context(), Challenge{"bearer", map[string]string{"realm": realm}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("realm %q: %v", realm, err)
		}
	}
}

func TestTokenServerMayNotPassUsOn(t *testing.T) {
	asked := false
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	defer thief.Close()
	g := newGate(t)
	passing := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	defer passing.Close()
	g.offers = func() []string { return []string{`Bearer realm="` + passing.URL + `"`} }
	_, err := g.client(&Transport{Credentials: Credentials{IdentityToken: "id"}}).Get(g.URL + "/v2/")
	if err == nil || asked {
		t.Errorf("the other host was asked: %v; %v", asked, err)
	}
}
