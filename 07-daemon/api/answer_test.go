package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/stretchr/testify/require"
)

func TestOnlyClassifiedErrorsAreToldApart(t *testing.T) {
	t.Parallel()
	_, missing := os.Open("/nope")
	for _, c := range []struct {
		err  error
		want int
	}{
		{errdefs.ErrNotFound.WithMessage("No such container: x"), 404},
		{fmt.Errorf("wrapped: %w", errdefs.ErrConflict.WithMessage("in use")), 409},
		{errdefs.ErrInvalidArgument.WithMessage("bad"), 400},
		{errdefs.ErrNotModified.WithMessage("runs"), 304},
		{errdefs.ErrNotImplemented.WithMessage("no"), 501},
		{errdefs.ErrPermissionDenied.WithMessage("no"), 403},
		{missing, 500}, // a file of ours is missing, not what the client asked for
		{errors.New("disk on fire"), 500},
	} {
		w := httptest.NewRecorder()
		WriteError(w, c.err)
		if w.Code != c.want {
			t.Errorf("%v is answered with %d, want %d", c.err, w.Code, c.want)
		}
		if c.want == 304 {
			continue
		}
		var body struct{ Message string }
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
		if body.Message != c.err.Error() {
			t.Errorf("the message is %q, want %q", body.Message, c.err)
		}
	}
}

func post(body, kind string) *http.Request {
	r := httptest.NewRequest("POST", "/x", strings.NewReader(body))
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	return r
}

func TestReadJSONSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	for body, words := range map[string]string{
		"":              "got EOF while reading request body",
		"{":             "unexpected EOF",
		`{"a":1} {"b"}`: "unexpected content after JSON",
		`{"a":"x"}`:     "cannot unmarshal string",
		`{"b":"` + strings.Repeat("x", maxBody) + `"}`: "request body is too large",
	} {
		var v struct{ A int }
		err := ReadJSON(post(body, "application/json"), &v)
		if !errdefs.IsInvalidArgument(err) || !strings.Contains(err.Error(), words) {
			t.Errorf("%.20q: %v, want …%s", body, err, words)
		}
	}
	var v struct{ A int }
	if err := ReadJSON(post(`{"A":1}`, "text/plain"), &v); err == nil || !strings.Contains(err.Error(), "must be 'application/json'") {
		t.Errorf("a form: %v", err)
	}
	if err := ReadJSON(post(`{"A":1}`, "application/json; charset=utf-8"), &v); err != nil || v.A != 1 {
		t.Errorf("with a charset: %v", err)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	h := Version("test", Handler(func(w http.ResponseWriter, r *http.Request) error {
		return WriteJSON(w, 200, map[string]any{"path": r.URL.Path, "new": AtLeast(r, "1.44")})
	}))
	for path, want := range map[string]string{
		"/info":         `200 {"new":true,"path":"/info"}`,
		"/v1.51/info":   `200 {"new":true,"path":"/info"}`,
		"/v1.24/info":   `200 {"new":false,"path":"/info"}`,
		"/v1.52/info":   `400 {"message":"client version 1.52 is too new. Maximum supported API version is 1.51"}`,
		"/v1.23/info":   `400 {"message":"client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version"}`,
		"/volumes/v1.0": `200 {"new":true,"path":"/volumes/v1.0"}`,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if got := fmt.Sprint(w.Code, " ", strings.TrimSpace(w.Body.String())); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
		if w.Header().Get("Api-Version") != Current || w.Header().Get("Builder-Version") != "1" {
			t.Errorf("%s: the headers %v", path, w.Header())
		}
	}
}

func TestWebPagesAreTurnedAway(t *testing.T) {
	t.Parallel()
	h := Version("test", Handler(func(http.ResponseWriter, *http.Request) error { t.Error("it got through"); return nil }))
	r := httptest.NewRequest("POST", "/containers/create", nil)
	r.Header.Set("Origin", "http://evil.example")
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != 403 {
		t.Errorf("a page of another origin got %d", w.Code)
	}
}

func TestBool(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"": false, "0": false, "no": false, "False": false, "none": false, "1": true, "yes": true, "x": true} {
		if got := Bool(httptest.NewRequest("GET", "/?a="+text, nil), "a"); got != want {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestMoments(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"": {}, "0": {}, "5": time.Unix(5, 0), "5.25": time.Unix(5, 250000000), "1970-01-01T00:00:07Z": time.Unix(7, 0),
	} {
		if got, err := moment(text); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"x", "1.x"} {
		if _, err := moment(text); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestCreateIsReadTolerantly(t *testing.T) {
	t.Parallel()
	r, err := readCreate(post(`{"Image":"i","Cmd":"date","Entrypoint":"sh","MacAddress":"02:42:0a:00:00:02","ExposedPorts":{"8000-8002/tcp":{}},
		"HostConfig":{"NetworkMode":"default","MemorySwappiness":-1,"PortBindings":{"80/tcp":[{"HostIp":"","HostPort":"9000-9009"}]}},
		"NetworkingConfig":{"EndpointsConfig":null}}`, "application/json"))
	require.NoError(t, err)
	if len(r.ExposedPorts) != 3 || r.Cmd[0] != "date" || r.Entrypoint[0] != "sh" {
		t.Errorf("ports %v, command %q %q", r.ExposedPorts, r.Entrypoint, r.Cmd)
	}
	if got := r.NetworkingConfig.EndpointsConfig["bridge"].MacAddress.String(); got != "02:42:0a:00:00:02" {
		t.Errorf("the old MacAddress became %q", got)
	}
	for body, words := range map[string]string{
		`{}`: "config cannot be empty",
		`{"Image":"i","HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"localhost"}]}}}`: "invalid IP address: localhost",
		`{"Image":"i","HostConfig":{"PortBindings":{"80/tcp":[{"HostPort":"x"}]}}}`:       `invalid port specification: "x"`,
		`{"Image":"i","HostConfig":{"PortBindings":{"99999/tcp":[]}}}`:                    `invalid port specification: "99999/tcp"`,
		`{"Image":"i","ExposedPorts":{"9-1/tcp":{}}}`:                                     `invalid port specification: "9-1/tcp"`,
		`{"Image":"i","HostConfig":{"Dns":["ns.example"]}}`:                               "bad IP address: ns.example",
		`{"Image":["i"]}`: "invalid JSON",
	} {
		if _, err := readCreate(post(body, "application/json")); !errdefs.IsInvalidArgument(err) || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want …%s", body, err, words)
		}
	}
}

// Whatever comes, it is read or refused.
func FuzzCreate(f *testing.F) {
	f.Add(`{"Image":"i","ExposedPorts":{"1-2/tcp":{}},"HostConfig":{"PortBindings":{"80/tcp":[{"HostIp":"::1"}]}}}`)
	f.Add(`{"MacAddress":"x","NetworkingConfig":{"EndpointsConfig":[]}}`)
	f.Fuzz(func(t *testing.T, body string) {
		if _, err := readCreate(post(body, "application/json")); err != nil && !errdefs.IsInvalidArgument(err) {
			t.Errorf("%q: %v is no bad request", body, err)
		}
	})
}

func TestInspectKeepsOldFields(t *testing.T) {
	t.Parallel()
	var now container.InspectResponse
	require.NoError(t, json.Unmarshal([]byte(`{"Id":"x","Config":{"Image":"i"},"NetworkSettings":{"Ports":{},"Networks":{"bridge":
		{"IPAddress":"172.18.0.2","IPPrefixLen":16,"Gateway":"172.18.0.1","MacAddress":"02:42:ac:12:00:02","EndpointID":"e"}}}}`), &now))
	text, err := json.Marshal(legacyInspect(now))
	require.NoError(t, err)
	var old struct {
		ID              string `json:"Id"`
		Config          struct{ Image string }
		NetworkSettings struct {
			IPAddress, Gateway, MacAddress, Bridge string
			IPPrefixLen                            int
			Networks                               map[string]*network.EndpointSettings
		}
	}
	require.NoError(t, json.Unmarshal(text, &old))
	n := old.NetworkSettings
	if old.ID != "x" || old.Config.Image != "i" || n.IPAddress != "172.18.0.2" || n.Gateway != "172.18.0.1" || n.IPPrefixLen != 16 || len(n.Networks) != 1 {
		t.Errorf("got %s", text)
	}
}
