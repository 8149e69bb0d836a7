package routes

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/jsonstream"
	registrytypes "github.com/moby/moby/api/types/registry"

	"drydock/04-images/image"
	"drydock/05-registry/auth"
	"drydock/05-registry/registry"
	"drydock/07-daemon/api"
	"drydock/08-dockerfile/builder"
	"drydock/final/engine"
)

// builds registers the routes of builds.
func builds(mux *http.ServeMux, e *engine.Engine) {
	mux.Handle("POST /build", api.Handler(func(w http.ResponseWriter, r *http.Request) error { return build(w, r, e) }))
	mux.Handle("POST /build/prune", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return api.WriteJSON(w, http.StatusOK, map[string]any{"CachesDeleted": nil, "SpaceReclaimed": 0})
	}))
}

// build is `docker build`: the body is the context, the answer is told line
// by line. A client that goes away ends the build.
func build(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	q := r.URL.Query()
	o, err := buildOptions(q)
	if err != nil {
		return err
	}
	credentials, err := registryConfig(r.Header.Get("X-Registry-Config"))
	if err != nil {
		return err
	}
	p := newProgress(w)
	var quiet bytes.Buffer
	o.Output, o.Pull = p, api.Bool(r, "pull")
	if api.Bool(r, "q") {
		o.Output = &quiet
	}
	img, err := e.Build(r.Context(), r.Body, o, puller(e, p, credentials))
	if err != nil {
		if quiet.Len() > 0 {
			p.Write(quiet.Bytes())
		}
		return p.failed(err)
	}
	if api.Bool(r, "q") {
		p.send(message{Stream: img.ID.String() + "\n"})
		return nil
	}
	p.send(message{Aux: map[string]string{"ID": img.ID.String()}})
	p.send(message{Stream: "Successfully built " + img.ID.Hex[:12] + "\n"})
	for _, name := range o.Names {
		p.send(message{Stream: "Successfully tagged " + name + "\n"})
		publish(e, "tag", img.ID.String(), name)
	}
	return nil
}

// failed is end, with the code of the command that has failed.
func (p *progress) failed(err error) error {
	var exit *builder.ExitError
	if !errors.As(err, &exit) {
		return p.end(err)
	}
	p.send(message{ErrorDetail: &jsonstream.Error{Code: exit.Code, Message: exit.Error()}, Error: exit.Error()})
	return nil
}

// buildOptions reads the query. What limits containers is left to the
// defaults of build steps.
func buildOptions(q url.Values) (o builder.Options, err error) {
	if q.Get("remote") != "" {
		return o, errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("build from %s: this engine builds what the client sends; fetch it first", q.Get("remote")))
	}
	if q.Get("version") == "2" {
		return o, errdefs.ErrNotImplemented.WithMessage("this engine builds with its own builder: set DOCKER_BUILDKIT=0")
	}
	o = builder.Options{Dockerfile: q.Get("dockerfile"), Target: q.Get("target"), Network: q.Get("networkmode"), Args: map[string]string{}}
	for _, name := range q["t"] {
		named, err := reference.ParseNormalizedNamed(name)
		if err != nil {
			return o, errdefs.ErrInvalidArgument.WithMessage(err.Error())
		}
		o.Names = append(o.Names, reference.FamiliarString(reference.TagNameOnly(named)))
	}
	if text := q.Get("platform"); text != "" {
		if o.Platform, err = platformOf(text); err != nil {
			return o, err
		}
	}
	if text := q.Get("shmsize"); text != "" {
		if o.ShmSize, err = strconv.ParseInt(text, 10, 64); err != nil {
			return o, errdefs.ErrInvalidArgument.WithMessage("invalid shmsize: " + text)
		}
	}
	var args map[string]*string // null: the client's environment has no value
	if err := decode(q.Get("buildargs"), &args); err != nil {
		return o, err
	}
	for name, value := range args {
		if value != nil {
			o.Args[name] = *value
		}
	}
	return o, decode(q.Get("labels"), &o.Labels)
}

// decode reads a query parameter that is JSON.
func decode(text string, into any) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("%q is not what was expected: %v", text, err))
	}
	return nil
}

// registryConfig reads X-Registry-Config: credentials by registry.
func registryConfig(header string) (map[string]registrytypes.AuthConfig, error) {
	if header == "" {
		return nil, nil
	}
	text, err := base64.URLEncoding.DecodeString(header)
	var all map[string]registrytypes.AuthConfig
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return nil, errdefs.ErrInvalidArgument.WithMessage("X-Registry-Config is malformed")
	}
	return all, nil
}

// puller fetches base images and tells how far they are.
func puller(e *engine.Engine, p *progress, all map[string]registrytypes.AuthConfig) engine.Pull {
	return func(ctx context.Context, name string, platform v1.Platform) (*image.Image, error) {
		ref, err := registry.ParseReference(name)
		if err != nil {
			return nil, errdefs.ErrInvalidArgument.WithMessage(err.Error())
		}
		c, ok := all[ref.Host]
		if !ok {
			c = all[auth.Key(ref.Host)]
		}
		cred := registry.Credentials{Username: c.Username, Password: c.Password, IdentityToken: c.IdentityToken, RegistryToken: c.RegistryToken}
		if err := (transfer{e, p, cred}).fetch(ctx, ref, platform); err != nil {
			return nil, err
		}
		return e.Images.Get(ref.String())
	}
}

var _ io.Writer = (*progress)(nil)
