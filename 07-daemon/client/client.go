// Package client talks to a daemon from outside: the routes of package api,
// one method each. It reaches no mechanism, and builds wherever Go does.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
)

// A Client speaks to one daemon. It is safe for concurrent use.
type Client struct {
	host    string // as it was given: "unix:///run/drydock.sock"
	network string
	address string
	http    http.Client
}

// New prepares a client of host, "unix:///path" or "tcp://address:port".
// Nothing is sent yet.
func New(host string) (*Client, error) {
	network, address, found := strings.Cut(host, "://")
	if !found || address == "" || network != "unix" && network != "tcp" {
		return nil, fmt.Errorf("unable to parse docker host `%s`", host)
	}
	c := &Client{host: host, network: network, address: address}
	c.http.Transport = &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) },
		DisableCompression: true,
	}
	return c, nil
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, c.network, c.address)
	if err != nil {
		return nil, c.unreachable(err)
	}
	return conn, nil
}

// unreachable says in Docker's words why nobody answers.
func (c *Client) unreachable(err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("permission denied while trying to connect to the Drydock daemon socket at %s: %w", c.host, err)
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		//lint:ignore ST1005 Docker's own sentence
		return fmt.Errorf("Cannot connect to the Drydock daemon at %s. Is the drydockd daemon running?", c.host)
	}
	return fmt.Errorf("error during connect: %w", err)
}

// An Error is a refusal of the daemon. Its text is what Docker's command line
// prints of it.
type Error struct {
	Status  int // of HTTP
	Message string
}

func (e *Error) Error() string { return "Error response from daemon: " + e.Message }

// Status is the HTTP status of a refusal, 0 for any other error.
func Status(err error) int {
	var refused *Error
	if errors.As(err, &refused) {
		return refused.Status
	}
	return 0
}

// A Request is one call of the API.
type Request struct {
	Method string
	Path   string // "/containers/json"
	Query  url.Values
	Header http.Header
	Body   any // sent as JSON, or as it is when an io.Reader; nil is none
}

// Do sends r and decodes the answer into out, unless that is nil.
func (c *Client) Do(ctx context.Context, r Request, out any) error {
	body, err := c.Stream(ctx, r)
	if err != nil {
		return err
	}
	defer body.Close()
	if out == nil {
		_, err = io.Copy(io.Discard, body) // so that the connection can be used again
		return err
	}
	return json.NewDecoder(body).Decode(out)
}

// Stream sends r and returns the body of the answer, which the caller closes.
func (c *Client) Stream(ctx context.Context, r Request) (io.ReadCloser, error) {
	request, err := r.http(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(request)
	if err != nil {
		return nil, plain(err)
	}
	if resp.StatusCode < 400 {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	return nil, refusal(resp)
}

// plain takes off what net/http wraps around our own sentences.
func plain(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

func (r Request) http(ctx context.Context) (*http.Request, error) {
	body, kind, err := encode(r.Body)
	if err != nil {
		return nil, err
	}
	at := url.URL{Scheme: "http", Host: "drydock", Path: r.Path, RawQuery: r.Query.Encode()}
	request, err := http.NewRequestWithContext(ctx, r.Method, at.String(), body)
	if err != nil {
		return nil, err
	}
	for name, values := range r.Header {
		request.Header[name] = values
	}
	if kind != "" && request.Header.Get("Content-Type") == "" {
		request.Header.Set("Content-Type", kind)
	}
	return request, nil
}

func encode(body any) (io.Reader, string, error) {
	switch body := body.(type) {
	case nil:
		return nil, "", nil
	case io.Reader:
		return body, "application/x-tar", nil
	}
	b, err := json.Marshal(body)
	return bytes.NewReader(b), "application/json", err
}

// maxRefusal bounds what is read of an error.
const maxRefusal = 1 << 20

// refusal reads {"message": …}.
func refusal(resp *http.Response) error {
	b, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	var said struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(b, &said) != nil || said.Message == "" {
		said.Message = strings.TrimSpace(string(b))
	}
	if said.Message == "" {
		said.Message = "request returned " + resp.Status
	}
	return &Error{Status: resp.StatusCode, Message: said.Message}
}
