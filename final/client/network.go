package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/moby/moby/api/types/network"
	"github.com/moby/moby/api/types/volume"

	"drydock/07-daemon/client"
)

// Networks lists networks; filters may be nil.
func (c *Client) Networks(ctx context.Context, filters map[string][]string) ([]network.Summary, error) {
	var list []network.Summary
	err := c.get(ctx, "/networks", withFilters(filters), &list)
	return list, err
}

// CreateNetwork makes a network and returns its id.
func (c *Client) CreateNetwork(ctx context.Context, r network.CreateRequest) (string, error) {
	var made network.CreateResponse
	err := c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/networks/create", Body: r}, &made)
	return made.ID, err
}

// RemoveNetwork deletes a network that no container uses.
func (c *Client) RemoveNetwork(ctx context.Context, ref string) error {
	return c.Do(ctx, client.Request{Method: http.MethodDelete, Path: "/networks/" + ref}, nil)
}

// ConnectNetwork joins a container to a network.
func (c *Client) ConnectNetwork(ctx context.Context, ref string, r network.ConnectRequest) error {
	return c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/networks/" + ref + "/connect", Body: r}, nil)
}

// DisconnectNetwork takes a container off a network.
func (c *Client) DisconnectNetwork(ctx context.Context, ref string, r network.DisconnectRequest) error {
	return c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/networks/" + ref + "/disconnect", Body: r}, nil)
}

// Volumes lists volumes; filters may be nil.
func (c *Client) Volumes(ctx context.Context, filters map[string][]string) ([]volume.Volume, error) {
	var list volume.ListResponse
	err := c.get(ctx, "/volumes", withFilters(filters), &list)
	return list.Volumes, err
}

// CreateVolume makes a volume; an empty name asks for a made-up one.
func (c *Client) CreateVolume(ctx context.Context, r volume.CreateRequest) (volume.Volume, error) {
	var made volume.Volume
	err := c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/volumes/create", Body: r}, &made)
	return made, err
}

// RemoveVolume deletes a volume that no container uses.
func (c *Client) RemoveVolume(ctx context.Context, name string, force bool) error {
	q := url.Values{}
	if force {
		q.Set("force", "1")
	}
	return c.Do(ctx, client.Request{Method: http.MethodDelete, Path: "/volumes/" + name, Query: q}, nil)
}

func withFilters(filters map[string][]string) url.Values {
	q := url.Values{}
	if len(filters) > 0 {
		q.Set("filters", client.Filters(filters))
	}
	return q
}
