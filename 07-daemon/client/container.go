package client

import (
	"context"
	"encoding/json"
	"io"
	"net/url"
	"strconv"

	"github.com/moby/moby/api/types/container"
)

// Create makes a container; an empty name asks for a made-up one.
func (c *Client) Create(ctx context.Context, name, platform string, r container.CreateRequest) (container.CreateResponse, error) {
	var made container.CreateResponse
	q := url.Values{}
	if name != "" {
		q.Set("name", name)
	}
	if platform != "" {
		q.Set("platform", platform)
	}
	err := c.Do(ctx, Request{Method: "POST", Path: "/containers/create", Query: q, Body: r}, &made)
	return made, err
}

// Start starts a container; one that runs already is fine.
func (c *Client) Start(ctx context.Context, ref, detachKeys string) error {
	q := url.Values{}
	if detachKeys != "" {
		q.Set("detachKeys", detachKeys)
	}
	return c.act(ctx, ref, "start", q)
}

// Stop asks a container to end, and kills it after timeout seconds (nil: what
// it was created with).
func (c *Client) Stop(ctx context.Context, ref, signal string, timeout *int) error {
	q := url.Values{}
	if signal != "" {
		q.Set("signal", signal)
	}
	if timeout != nil {
		q.Set("t", strconv.Itoa(*timeout))
	}
	return c.act(ctx, ref, "stop", q)
}

// Kill sends a signal, SIGKILL when it is empty.
func (c *Client) Kill(ctx context.Context, ref, signal string) error {
	return c.act(ctx, ref, "kill", url.Values{"signal": {signal}})
}

// Resize tells a container the size of its terminal.
func (c *Client) Resize(ctx context.Context, ref string, rows, columns uint16) error {
	return c.act(ctx, ref, "resize", size(rows, columns))
}

func size(rows, columns uint16) url.Values {
	return url.Values{"h": {strconv.Itoa(int(rows))}, "w": {strconv.Itoa(int(columns))}}
}

// act posts a verb to a container.
func (c *Client) act(ctx context.Context, ref, verb string, q url.Values) error {
	return c.Do(ctx, Request{Method: "POST", Path: "/containers/" + ref + "/" + verb, Query: q}, nil)
}

// Remove deletes a container.
func (c *Client) Remove(ctx context.Context, ref string, force, volumes bool) error {
	q := url.Values{}
	if force {
		q.Set("force", "1")
	}
	if volumes {
		q.Set("v", "1")
	}
	return c.Do(ctx, Request{Method: "DELETE", Path: "/containers/" + ref, Query: q}, nil)
}

// Inspect tells all of a container.
func (c *Client) Inspect(ctx context.Context, ref string) (container.InspectResponse, error) {
	var got container.InspectResponse
	err := c.Do(ctx, Request{Method: "GET", Path: "/containers/" + ref + "/json"}, &got)
	return got, err
}

// List lists containers; filters may be nil.
func (c *Client) List(ctx context.Context, all, sizes bool, limit int, filters map[string][]string) ([]container.Summary, error) {
	q := url.Values{}
	if all {
		q.Set("all", "1")
	}
	if sizes {
		q.Set("size", "1")
	}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	if len(filters) > 0 {
		q.Set("filters", Filters(filters))
	}
	var list []container.Summary
	err := c.Do(ctx, Request{Method: "GET", Path: "/containers/json", Query: q}, &list)
	return list, err
}

// Filters renders filters as the query parameter of the same name.
func Filters(filters map[string][]string) string {
	sets := map[string]map[string]bool{}
	for key, values := range filters {
		sets[key] = map[string]bool{}
		for _, v := range values {
			sets[key][v] = true
		}
	}
	b, _ := json.Marshal(sets) // strings and booleans always marshal
	return string(b)
}

// An Exit is what became of a container that was waited for.
type Exit struct {
	Code int
	Err  error
}

// Wait waits until condition ("not-running", "next-exit", "removed") holds.
// It returns once the daemon listens, so that what is started afterwards is
// not missed; the outcome comes over the channel.
func (c *Client) Wait(ctx context.Context, ref, condition string) (<-chan Exit, error) {
	body, err := c.Stream(ctx, Request{Method: "POST", Path: "/containers/" + ref + "/wait", Query: url.Values{"condition": {condition}}})
	if err != nil {
		return nil, err
	}
	exits := make(chan Exit, 1)
	go func() {
		defer body.Close()
		exits <- readExit(body)
	}()
	return exits, nil
}

func readExit(body io.Reader) Exit {
	var got container.WaitResponse
	if err := json.NewDecoder(body).Decode(&got); err != nil {
		return Exit{Code: 125, Err: err}
	}
	if got.Error != nil {
		return Exit{Code: 125, Err: &Error{Message: got.Error.Message}}
	}
	return Exit{Code: int(got.StatusCode)}
}

// Attach takes part in a container's streams; streams are the names of those
// wanted: "stdin", "stdout", "stderr", "logs".
func (c *Client) Attach(ctx context.Context, ref, detachKeys string, streams ...string) (*Conn, error) {
	q := url.Values{"stream": {"1"}}
	for _, s := range streams {
		q.Set(s, "1")
	}
	if detachKeys != "" {
		q.Set("detachKeys", detachKeys)
	}
	return c.Hijack(ctx, Request{Method: "POST", Path: "/containers/" + ref + "/attach", Query: q})
}

// Logs returns what a container wrote, in frames unless it has a terminal.
func (c *Client) Logs(ctx context.Context, ref string, q url.Values) (io.ReadCloser, error) {
	return c.Stream(ctx, Request{Method: "GET", Path: "/containers/" + ref + "/logs", Query: q})
}
