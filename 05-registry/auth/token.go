package auth

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"drydock/05-registry/wire"
)

// ClientID is how we introduce ourselves to token servers.
const ClientID = "drydock"

// soon is how long before its end a token counts as too old, and short the
// life of one that does not say: both are the protocol's advice.
const (
	soon     = 5 * time.Second
	short    = 60 * time.Second
	maxToken = 1 << 20
)

// A grant is what a token server answers. Two generations of servers call the
// token by two names.
type grant struct {
	Token        string    `json:"token"`
	AccessToken  string    `json:"access_token"`
	RefreshToken string    `json:"refresh_token"`
	ExpiresIn    int       `json:"expires_in"`
	IssuedAt     time.Time `json:"issued_at"`
}

// bearer fetches a token for all scopes from the server that c names, with mu
// held: requests side by side wait for one token instead of fetching each.
func (t *Transport) bearer(ctx context.Context, c Challenge) error {
	realm, err := url.Parse(c.Parameters["realm"])
	if err != nil || realm.Host == "" {
		return fmt.Errorf("the registry names no token server: realm %q", c.Parameters["realm"])
	}
	if t.Scheme == "https" && realm.Scheme != "https" {
		return fmt.Errorf("the registry wants TLS but its token server %s does not", realm.Host)
	}
	req, err := t.tokenRequest(ctx, realm, c.Parameters["service"])
	if err != nil {
		return err
	}
	g, err := t.fetch(req)
	if err != nil {
		return err
	}
	life := max(short, time.Duration(g.ExpiresIn)*time.Second)
	t.answer, t.last, t.expires = "Bearer "+g.Token, c, t.now().Add(life-soon)
	if g.RefreshToken != "" {
		t.refresh = g.RefreshToken
	}
	return nil
}

// tokenRequest asks in one of two ways: with an identity token as a form (so
// that it is in no server's log), else as a query with the password in a
// header, or with nothing for anonymous.
func (t *Transport) tokenRequest(ctx context.Context, realm *url.URL, service string) (*http.Request, error) {
	cred := t.Credentials
	if cred.IdentityToken != "" {
		form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {cred.IdentityToken},
			"client_id": {ClientID}, "service": {service}, "scope": {strings.Join(t.Scopes, " ")}}
		req, err := http.NewRequestWithContext(ctx, "POST", realm.String(), strings.NewReader(form.Encode()))
		if err == nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return req, err
	}
	query := realm.Query()
	query.Set("service", service)
	for _, scope := range t.Scopes {
		query.Add("scope", scope)
	}
	if cred.Username != "" {
		query.Set("account", cred.Username)
	}
	if t.Offline {
		query.Set("client_id", ClientID)
		query.Set("offline_token", "true")
	}
	where := *realm
	where.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, "GET", where.String(), nil)
	if err == nil && cred.Username != "" {
		req.SetBasicAuth(cred.Username, cred.Password)
	}
	return req, err
}

// fetch asks the token server. It follows no redirect to another host: the
// request holds a password.
func (t *Transport) fetch(req *http.Request) (grant, error) {
	client := http.Client{Transport: t.base(), CheckRedirect: sameHost}
	resp, err := client.Do(req)
	if err != nil {
		return grant{}, withoutQuery(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return grant{}, wire.ReadError(resp)
	}
	var g grant
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxToken)).Decode(&g); err != nil {
		return grant{}, fmt.Errorf("read token from %s: %w", req.URL.Host, err)
	}
	if g.Token == "" {
		g.Token = g.AccessToken
	}
	if g.Token == "" {
		return grant{}, fmt.Errorf("read token from %s: there is none in the answer", req.URL.Host)
	}
	return g, nil
}

func sameHost(req *http.Request, via []*http.Request) error {
	if req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
		return fmt.Errorf("token server redirects to %s: refused", req.URL.Host)
	}
	if len(via) >= 5 {
		return fmt.Errorf("token server redirects in circles")
	}
	return nil
}

// withoutQuery takes the account's name out of an error's URL.
func withoutQuery(err error) error {
	e, ok := err.(*url.Error)
	if !ok {
		return err
	}
	e.URL, _, _ = strings.Cut(e.URL, "?")
	return e
}

// scopes splits the scope parameter of a challenge: several may stand in it.
func scopes(c Challenge) []string { return strings.Fields(c.Parameters["scope"]) }
