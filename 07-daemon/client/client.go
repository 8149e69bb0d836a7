// Package client talks to a daemon from outside: the routes of package api,
// one method each. It reaches no mechanism, and builds wherever Go does.
package client

import (
	"bufio"
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
//
// Each request has a connection of its own: to a socket of this machine that
// costs less than net/http's pool, whose goroutines and page faults a command
// line would pay for at every start.
type Client struct {
	host    string // as it was given: "unix:///run/drydock.sock"
	network string
	address string
}

// New prepares a client of host, "unix:///path" or "tcp://address:port".
// Nothing is sent yet.
func New(host string) (*Client, error) {
	network, address, found := strings.Cut(host, "://")
	if !found || address == "" || network != "unix" && network != "tcp" {
		return nil, fmt.Errorf("unable to parse docker host `%s`", host)
	}
	return &Client{host: host, network: network, address: address}, nil
}

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
		_, err = io.Copy(io.Discard, body)
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
	request.Close = true
	x, err := c.send(request)
	if err != nil {
		return nil, err
	}
	if x.resp.StatusCode < 400 {
		return x, nil
	}
	defer x.Close()
	return nil, refusal(x.resp)
}

// An exchange is one request and its answer, over one connection. As a reader
// it is the body of the answer.
type exchange struct {
	ctx    context.Context
	conn   net.Conn
	reader *bufio.Reader // may hold the first bytes behind the headers
	resp   *http.Response
	stop   func() bool // forgets to close conn when ctx is done
}

// send writes request and reads the head of the answer. A body of unknown
// length is written beside it: the daemon tells its progress meanwhile, and
// stops listening when it has seen enough.
func (c *Client) send(request *http.Request) (*exchange, error) {
	conn, err := c.dial(request.Context())
	if err != nil {
		return nil, err
	}
	x := &exchange{ctx: request.Context(), conn: conn, reader: bufio.NewReader(conn)}
	x.stop = context.AfterFunc(x.ctx, func() { conn.Close() })
	if request.Body != nil && request.GetBody == nil {
		go request.Write(conn) // ends with conn, or with what it reads from
	} else {
		err = request.Write(conn)
	}
	if err == nil {
		x.resp, err = http.ReadResponse(x.reader, request)
	}
	if err != nil {
		x.Close()
		return nil, x.why(fmt.Errorf("error during connect: %s %s: %w", request.Method, request.URL.Path, err))
	}
	return x, nil
}

// why is err, unless the caller itself gave up.
func (x *exchange) why(err error) error {
	if x.ctx.Err() != nil {
		return x.ctx.Err()
	}
	return err
}

// Read reads the body of the answer.
func (x *exchange) Read(p []byte) (int, error) {
	n, err := x.resp.Body.Read(p)
	if err != nil && err != io.EOF {
		err = x.why(err)
	}
	return n, err
}

// Close ends the exchange, whatever is left of it.
func (x *exchange) Close() error {
	x.stop()
	return x.conn.Close()
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
