package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"

	"github.com/moby/moby/api/types/container"

	"drydock/07-daemon/client"
)

// Act posts a verb to a container: "restart", "pause", "unpause", "rename".
func (c *Client) Act(ctx context.Context, ref, verb string, q url.Values) error {
	return c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/containers/" + ref + "/" + verb, Query: q}, nil)
}

// Top lists the processes of a container, as ps does with args.
func (c *Client) Top(ctx context.Context, ref, args string) (container.TopResponse, error) {
	q := url.Values{}
	if args != "" {
		q.Set("ps_args", args)
	}
	var top container.TopResponse
	err := c.get(ctx, "/containers/"+ref+"/top", q, &top)
	return top, err
}

// Stats measures a container once. The engine looks twice, a second apart:
// one look has nothing to compare with.
func (c *Client) Stats(ctx context.Context, ref string) (container.StatsResponse, error) {
	var stats container.StatsResponse
	err := c.get(ctx, "/containers/"+ref+"/stats", url.Values{"stream": {"0"}}, &stats)
	return stats, err
}

// Events is the stream of what happens, one JSON object after another.
func (c *Client) Events(ctx context.Context, since, until string, filters map[string][]string) (io.ReadCloser, error) {
	q := withFilters(filters)
	if since != "" {
		q.Set("since", since)
	}
	if until != "" {
		q.Set("until", until)
	}
	return c.Stream(ctx, client.Request{Method: http.MethodGet, Path: "/events", Query: q})
}

// Prune removes what nobody uses; kind is "containers", "images", "networks"
// or "volumes". The answer differs from kind to kind.
func (c *Client) Prune(ctx context.Context, kind string, filters map[string][]string) (json.RawMessage, error) {
	var answer json.RawMessage
	err := c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/" + kind + "/prune", Query: withFilters(filters)}, &answer)
	return answer, err
}

// Changes lists what a container changed in its file system.
func (c *Client) Changes(ctx context.Context, ref string) ([]container.FilesystemChange, error) {
	var changes []container.FilesystemChange
	err := c.get(ctx, "/containers/"+ref+"/changes", nil, &changes)
	return changes, err
}

// Export reads a container's file system as one tar.
func (c *Client) Export(ctx context.Context, ref string) (io.ReadCloser, error) {
	return c.Stream(ctx, client.Request{Method: http.MethodGet, Path: "/containers/" + ref + "/export"})
}

// Commit makes an image of a container and returns its id; see Docker's POST
// /commit for q.
func (c *Client) Commit(ctx context.Context, q url.Values) (string, error) {
	var made container.CommitResponse
	err := c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/commit", Query: q}, &made)
	return made.ID, err
}
