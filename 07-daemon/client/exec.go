package client

import (
	"context"

	"github.com/moby/moby/api/types/container"
)

// ExecCreate prepares one more process in a container.
func (c *Client) ExecCreate(ctx context.Context, ref string, r container.ExecCreateRequest) (string, error) {
	var made container.ExecCreateResponse
	err := c.Do(ctx, Request{Method: "POST", Path: "/containers/" + ref + "/exec", Body: r}, &made)
	return made.ID, err
}

// ExecStart starts it and takes part in its streams.
func (c *Client) ExecStart(ctx context.Context, id string, r container.ExecStartRequest) (*Conn, error) {
	return c.Hijack(ctx, Request{Method: "POST", Path: "/exec/" + id + "/start", Body: r})
}

// ExecDetached starts it and leaves it alone.
func (c *Client) ExecDetached(ctx context.Context, id string) error {
	r := container.ExecStartRequest{Detach: true}
	return c.Do(ctx, Request{Method: "POST", Path: "/exec/" + id + "/start", Body: r}, nil)
}

// ExecInspect tells whether it runs, and how it ended.
func (c *Client) ExecInspect(ctx context.Context, id string) (container.ExecInspectResponse, error) {
	var got container.ExecInspectResponse
	err := c.Do(ctx, Request{Method: "GET", Path: "/exec/" + id + "/json"}, &got)
	return got, err
}

// ExecResize tells it the size of its terminal.
func (c *Client) ExecResize(ctx context.Context, id string, rows, columns uint16) error {
	return c.Do(ctx, Request{Method: "POST", Path: "/exec/" + id + "/resize", Query: size(rows, columns)}, nil)
}
