// Package client talks to the whole engine from outside: chapter 7's client
// for the containers, and images, volumes and the system beside them.
package client

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/api/types/system"

	"drydock/07-daemon/client"
)

// A Client speaks to one engine. It is safe for concurrent use.
type Client struct{ *client.Client }

type (
	// A Conn is the streams of a process.
	Conn = client.Conn
	// An Exit is what became of a container that was waited for.
	Exit = client.Exit
)

// Status is the HTTP status of a refusal, 0 for any other error.
func Status(err error) int { return client.Status(err) }

// New prepares a client of host, see chapter 7's New.
func New(host string) (*Client, error) {
	inner, err := client.New(host)
	return &Client{inner}, err
}

// Version tells what the engine is.
func (c *Client) Version(ctx context.Context) (system.VersionResponse, error) {
	var v system.VersionResponse
	err := c.get(ctx, "/version", nil, &v)
	return v, err
}

// Info tells how the engine is.
func (c *Client) Info(ctx context.Context) (system.Info, error) {
	var info system.Info
	err := c.get(ctx, "/info", nil, &info)
	return info, err
}

// Images lists images; filters may be nil.
func (c *Client) Images(ctx context.Context, all bool, filters map[string][]string) ([]image.Summary, error) {
	q := withFilters(filters)
	if all {
		q.Set("all", "1")
	}
	var list []image.Summary
	err := c.get(ctx, "/images/json", q, &list)
	return list, err
}

// Pull fetches reference; the stream is JSON lines of progress, see Docker's
// POST /images/create. authorization is a value of X-Registry-Auth.
func (c *Client) Pull(ctx context.Context, reference, platform, authorization string) (io.ReadCloser, error) {
	q := url.Values{"fromImage": {reference}}
	if platform != "" {
		q.Set("platform", platform)
	}
	return c.post(ctx, "/images/create", q, authorization, nil)
}

// Push posts name:tag, or all tags of name when tag is empty.
func (c *Client) Push(ctx context.Context, name, tag, authorization string) (io.ReadCloser, error) {
	q := url.Values{}
	if tag != "" {
		q.Set("tag", tag)
	}
	return c.post(ctx, "/images/"+name+"/push", q, authorization, nil)
}

// Import makes an image of a tar.
func (c *Client) Import(ctx context.Context, tar io.Reader, q url.Values) (io.ReadCloser, error) {
	return c.post(ctx, "/images/create", q, "", tar)
}

// Load reads the archive of Save.
func (c *Client) Load(ctx context.Context, archive io.Reader, quiet bool) (io.ReadCloser, error) {
	q := url.Values{"quiet": {"0"}}
	if quiet {
		q.Set("quiet", "1")
	}
	return c.post(ctx, "/images/load", q, "", archive)
}

// Save writes images into one archive.
func (c *Client) Save(ctx context.Context, references []string) (io.ReadCloser, error) {
	return c.Stream(ctx, client.Request{Method: http.MethodGet, Path: "/images/get", Query: url.Values{"names": references}})
}

// Build sends a context and builds it; the stream is like that of Pull. q is
// that of Docker's POST /build, registries a value of X-Registry-Config.
func (c *Client) Build(ctx context.Context, tar io.Reader, q url.Values, registries string) (io.ReadCloser, error) {
	header := http.Header{}
	if registries != "" {
		header.Set("X-Registry-Config", registries)
	}
	return c.Stream(ctx, client.Request{Method: http.MethodPost, Path: "/build", Query: q, Header: header, Body: tar})
}

// Tag gives source one more name.
func (c *Client) Tag(ctx context.Context, source, repository, tag string) error {
	q := url.Values{"repo": {repository}, "tag": {tag}}
	return c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/images/" + source + "/tag", Query: q}, nil)
}

// History tells of what layers an image is made.
func (c *Client) History(ctx context.Context, reference string) ([]image.HistoryResponseItem, error) {
	var history []image.HistoryResponseItem
	err := c.get(ctx, "/images/"+reference+"/history", nil, &history)
	return history, err
}

// Login asks whether credentials are right; a registry may answer with a
// token to keep in place of the password.
func (c *Client) Login(ctx context.Context, r registry.AuthConfig) (registry.AuthResponse, error) {
	var answer registry.AuthResponse
	err := c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/auth", Body: r}, &answer)
	return answer, err
}

// RemoveImage takes a name, and with the last one the image, away.
func (c *Client) RemoveImage(ctx context.Context, reference string, force bool) ([]image.DeleteResponse, error) {
	q := url.Values{}
	if force {
		q.Set("force", "1")
	}
	var removed []image.DeleteResponse
	err := c.Do(ctx, client.Request{Method: http.MethodDelete, Path: "/images/" + reference, Query: q}, &removed)
	return removed, err
}

// Raw fetches path and decodes nothing: for inspect, which prints what came.
func (c *Client) Raw(ctx context.Context, path string, q url.Values) ([]byte, error) {
	body, err := c.Stream(ctx, client.Request{Method: http.MethodGet, Path: path, Query: q})
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

func (c *Client) get(ctx context.Context, path string, q url.Values, out any) error {
	return c.Do(ctx, client.Request{Method: http.MethodGet, Path: path, Query: q}, out)
}

func (c *Client) post(ctx context.Context, path string, q url.Values, authorization string, body io.Reader) (io.ReadCloser, error) {
	r := client.Request{Method: http.MethodPost, Path: path, Query: q, Header: http.Header{}}
	if authorization != "" {
		r.Header.Set("X-Registry-Auth", authorization)
	}
	if body != nil {
		r.Body = body
	}
	return c.Stream(ctx, r)
}
