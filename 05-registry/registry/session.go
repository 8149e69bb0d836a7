package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"drydock/05-registry/auth"
	"drydock/05-registry/wire"
)

// A session is a conversation with one registry about one repository.
type session struct {
	client *Client
	base   *url.URL // ends before /v2/
	name   string   // the repository; "" for none
	http   *http.Client
	auth   *auth.Transport
}

// open opens a session with the registry at ref.Host, wherever it answers. A
// registry that answers with a refusal has answered.
func (c *Client) open(ctx context.Context, ref Reference, t *auth.Transport) (*session, error) {
	all, err := c.endpoints(ref.Host)
	if err != nil {
		return nil, err
	}
	var s *session
	for _, at := range all {
		var no *wire.Error
		s, err = c.connect(ctx, at, ref, t)
		if err == nil || errors.As(err, &no) || errors.Is(err, auth.ErrNoCredentials) {
			break
		}
	}
	return s, err
}

// connect opens a session at one end point and checks that a registry answers
// there. That first request also meets the challenge, so that later ones may
// carry bodies that cannot be sent twice.
func (c *Client) connect(ctx context.Context, at endpoint, ref Reference, t *auth.Transport) (*session, error) {
	t.Scheme, t.Host = at.url.Scheme, at.url.Host
	t.Base = &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
		TLSClientConfig:       at.tls,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 5 * time.Minute,
		IdleConnTimeout:       10 * time.Second,
		MaxIdleConnsPerHost:   8,
		DisableCompression:    true, // digests are over the bytes as they are stored
	}
	s := &session{client: c, base: at.url, name: ref.Repository, auth: t}
	s.http = &http.Client{Transport: t, CheckRedirect: s.redirect}
	return s, s.ping(ctx)
}

// ping asks for /v2/. Docker reports whatever goes wrong here in the words of
// net/http, so those errors are not wrapped.
func (s *session) ping(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, "GET", s.base.String()+"/v2/", nil)
	if err != nil {
		return err
	}
	resp, err := s.once(req) // who does not speak TLS will not learn it by waiting
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, again := pause(resp, nil, 0); again {
		if resp, err = s.do(req); err != nil {
			return err
		}
		defer resp.Body.Close()
	}
	switch resp.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized, http.StatusForbidden:
		return refusal(resp)
	}
	return fmt.Errorf("no registry at %s/v2/: it answers %s", s.base, resp.Status)
}

// redirect follows where a registry sends us, which may be anywhere (most
// keep their blobs in somebody's object store), but not out of TLS. The
// credentials stay behind: auth.Transport shows them to the registry alone.
func (s *session) redirect(req *http.Request, via []*http.Request) error {
	if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return fmt.Errorf("redirect from TLS to %s://%s: refused", req.URL.Scheme, req.URL.Host)
	}
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	return nil
}

// path is the address of something in the repository.
func (s *session) path(kind, what string) string {
	return s.base.String() + "/v2/" + s.name + "/" + kind + "/" + what
}

// send makes a request without a body and repeats it where that may help.
func (s *session) send(ctx context.Context, method, address string, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return nil, err
	}
	if header != nil {
		req.Header = header
	}
	return s.do(req)
}

// do makes a request, and makes it again after errors that pass. Its body, if
// any, must be one that net/http can rewind.
func (s *session) do(req *http.Request) (*http.Response, error) {
	for attempt := 0; ; attempt++ {
		resp, err := s.once(req)
		delay, again := pause(resp, err, attempt)
		if !again || req.Context().Err() != nil {
			return resp, err
		}
		if resp != nil {
			resp.Body.Close()
		}
		if err := s.client.wait(req.Context(), delay); err != nil {
			return nil, err
		}
		if req.GetBody != nil {
			if req.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

func (s *session) once(req *http.Request) (*http.Response, error) {
	agent := s.client.UserAgent
	if agent == "" {
		agent = "drydock"
	}
	req.Header.Set("User-Agent", agent)
	return s.http.Do(req)
}

// How often we try, and how long we are ready to wait in between.
const (
	maxAttempts = 5
	firstPause  = 250 * time.Millisecond
	maxPause    = time.Minute
)

// pause decides whether attempt, which ended so, is worth another one, and
// after how long. A connection that was refused stays refused; one that broke,
// a busy (429) or a troubled (5xx) server may do better. A server that wants
// us away for longer than a minute is obeyed by giving up.
func pause(resp *http.Response, err error, attempt int) (time.Duration, bool) {
	if attempt+1 >= maxAttempts {
		return 0, false
	}
	delay := firstPause << attempt
	if err != nil {
		return delay, passes(err)
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	default:
		return 0, false
	}
	if asked, err := time.ParseDuration(resp.Header.Get("Retry-After") + "s"); err == nil {
		delay = max(delay, asked)
	} else if date, err := http.ParseTime(resp.Header.Get("Retry-After")); err == nil {
		delay = max(delay, time.Until(date))
	}
	return delay, delay <= maxPause
}

// passes tells whether an error is a broken connection, and not a name that
// does not resolve, a certificate that is wrong, or a refusal of ours.
func passes(err error) bool {
	var op *net.OpError
	if errors.As(err, &op) {
		return slices.Contains([]string{"read", "write", "readfrom"}, op.Op) // and not "dial", or an alert of TLS
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func (c *Client) wait(ctx context.Context, d time.Duration) error {
	if c.Wait != nil {
		return c.Wait(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// refusal reads the registry's error. "insufficient_scope" is how a registry
// with tokens says that this user may not: the body only says unauthorized.
func refusal(resp *http.Response) error {
	e := wire.ReadError(resp)
	for _, challenge := range auth.Challenges(resp.Header) {
		if strings.EqualFold(challenge.Parameters["error"], "insufficient_scope") {
			e.Code, e.Message = wire.Denied, "requested access to the resource is denied"
		}
	}
	return e
}
