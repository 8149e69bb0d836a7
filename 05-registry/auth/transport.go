package auth

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrNoCredentials is the answer to a registry that wants a password when
// there is none.
var ErrNoCredentials = errors.New("no basic auth credentials")

// A Transport adds what a registry wants to see to each request to it, and to
// no other: a redirect leads to storage of somebody else, who must not learn
// passwords or tokens (CVE-2020-15157 was a client that answered challenges
// of hosts that a manifest named). It is safe for concurrent use.
type Transport struct {
	Base        http.RoundTripper // nil is http.DefaultTransport
	Scheme      string            // the registry: "https"
	Host        string            // and "registry.example:5000"
	Credentials Credentials
	Scopes      []string         // what tokens are for: "repository:library/busybox:pull"
	Offline     bool             // also ask for a refresh token, to be kept
	Now         func() time.Time // nil is time.Now

	mu      sync.Mutex
	answer  string    // the Authorization header that worked last, under mu
	expires time.Time // of answer; zero is never; under mu
	last    Challenge // what answer answers, under mu
	refresh string    // a refresh token that came with a token, under mu
}

// RoundTrip implements http.RoundTripper. A request with a body that cannot
// be sent twice (no GetBody) must come after one that met the challenge.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != t.Host || req.URL.Scheme != t.Scheme {
		return t.base().RoundTrip(req)
	}
	known, err := t.current(req)
	if err != nil {
		return nil, discard(req, err)
	}
	resp, err := t.base().RoundTrip(with(req, known))
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	fresh, err := t.meet(req, Challenges(resp.Header), known)
	if err != nil {
		resp.Body.Close()
		return nil, err
	}
	again, ok := rewind(req)
	if fresh == "" || !ok {
		return resp, nil // nothing better to show, or nothing left to send
	}
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // or the connection is lost
	resp.Body.Close()
	return t.base().RoundTrip(with(again, fresh))
}

// current is the answer to show unasked; one that is about to expire is
// fetched again first.
func (t *Transport) current(req *http.Request) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.answer == "" && t.Credentials.RegistryToken != "" {
		t.answer = "Bearer " + t.Credentials.RegistryToken
	}
	if t.expires.IsZero() || t.now().Before(t.expires) {
		return t.answer, nil
	}
	err := t.bearer(req.Context(), t.last)
	return t.answer, err
}

// meet answers the first challenge that we know a way for; tried is the answer
// that the registry has just refused. "" means that there is nothing else.
func (t *Transport) meet(req *http.Request, offers []Challenge, tried string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.answer != tried {
		return t.answer, nil // another request was faster
	}
	if t.Credentials.RegistryToken != "" {
		return "", nil
	}
	for _, offer := range offers {
		var err error
		switch offer.Scheme {
		case "bearer":
			if refused := t.widen(offer) && tried != ""; refused {
				return "", nil
			}
			err = t.bearer(req.Context(), offer)
		case "basic":
			err = t.basic()
		default:
			continue
		}
		if t.answer == tried {
			return "", err // the same again would be refused again
		}
		return t.answer, err
	}
	return "", nil
}

// widen adds the scopes that the challenge asks for and tells whether we had
// them all: then a new token would be no better than the refused one, unless
// that one was too old.
func (t *Transport) widen(c Challenge) (same bool) {
	same = c.Parameters["error"] == "insufficient_scope"
	for _, scope := range scopes(c) {
		if !slices.Contains(t.Scopes, scope) {
			t.Scopes, same = append(t.Scopes, scope), false
		}
	}
	return same
}

func (t *Transport) basic() error {
	c := t.Credentials
	if c.Username == "" {
		return ErrNoCredentials
	}
	t.answer = "Basic " + encodePair(c.Username, c.Password)
	return nil
}

// RefreshToken is the long-lived token that came along with the last one;
// `docker login` keeps it instead of the password.
func (t *Transport) RefreshToken() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refresh
}

// Basic tells whether the registry took, or refused, a password itself instead
// of sending us for a token.
func (t *Transport) Basic() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.HasPrefix(t.answer, "Basic ")
}

func (t *Transport) base() http.RoundTripper {
	if t.Base == nil {
		return http.DefaultTransport
	}
	return t.Base
}

func (t *Transport) now() time.Time {
	if t.Now == nil {
		return time.Now()
	}
	return t.Now()
}

// with shows the answer in a copy: a RoundTripper must not change its request.
func with(req *http.Request, answer string) *http.Request {
	if answer == "" {
		return req
	}
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", answer)
	return req
}

// rewind makes the request ready to be sent once more.
func rewind(req *http.Request) (*http.Request, bool) {
	if req.Body == nil || req.Body == http.NoBody {
		return req, true
	}
	if req.GetBody == nil {
		return nil, false
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, false
	}
	req = req.Clone(req.Context())
	req.Body = body
	return req, true
}

// discard closes the body, as a RoundTripper must also when it fails.
func discard(req *http.Request, err error) error {
	if req.Body != nil {
		req.Body.Close()
	}
	return fmt.Errorf("authorize: %w", err)
}
