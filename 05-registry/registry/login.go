package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"drydock/05-registry/auth"
	"drydock/05-registry/wire"
)

// Login checks credentials against a registry, as `docker login` asks the
// daemon to. The identity token, if the registry gives one, is what to keep
// instead of the password; status is the sentence for the user.
func (c *Client) Login(ctx context.Context, host string, cred Credentials) (identityToken, status string, err error) {
	host = loginHost(host)
	t := &auth.Transport{Credentials: cred, Offline: true}
	_, err = c.open(ctx, Reference{Host: host}, t)
	var no *wire.Error
	if errors.As(err, &no) && no.Status == http.StatusUnauthorized && t.Basic() {
		err = fmt.Errorf("login attempt to %s://%s/v2/ failed with status: 401 Unauthorized: %w", t.Scheme, t.Host, err)
	}
	if err != nil {
		return "", "", err
	}
	return t.RefreshToken(), "Login Succeeded", nil
}

// loginHost reads the many ways in which clients name a registry: with a
// scheme, with a path, and Docker Hub by the address of its first protocol.
func loginHost(host string) string {
	if _, rest, ok := strings.Cut(host, "://"); ok {
		host = rest
	}
	host, _, _ = strings.Cut(host, "/")
	switch host {
	case "", "index.docker.io", hubHost:
		return hub
	}
	return host
}
