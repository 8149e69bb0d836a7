package routes

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"drydock/05-registry/auth"
	"drydock/05-registry/registry"
	"drydock/final/engine"
)

// create is POST /images/create: a pull with fromImage, an import with
// fromSrc.
func create(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	q := r.URL.Query()
	if q.Get("fromImage") != "" {
		return pull(w, r, e)
	}
	if q.Get("fromSrc") != "" {
		return imports(w, r, e)
	}
	return errdefs.ErrInvalidArgument.WithMessage("either fromImage or fromSrc must be given")
}

// pull fetches an image and streams how far it is.
func pull(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	q := r.URL.Query()
	ref, err := registry.ParseReference(join(q.Get("fromImage"), q.Get("tag")))
	if err != nil {
		return errdefs.ErrInvalidArgument.WithMessage(err.Error())
	}
	platform, err := platformOf(q.Get("platform"))
	if err != nil {
		return err
	}
	cred, err := credentials(r)
	if err != nil {
		return err
	}
	p := newProgress(w)
	return p.end(transfer{e, p, cred}.fetch(r.Context(), ref, platform))
}

// A transfer moves images between the engine and a registry, and tells how
// far it is.
type transfer struct {
	*engine.Engine
	*progress
	cred registry.Credentials
}

// fetch is the pull itself: a lazy image from chapter 5, put away by chapter
// 4, which reads its layers.
func (t transfer) fetch(ctx context.Context, ref registry.Reference, platform v1.Platform) error {
	img, err := t.Registry.Pull(ctx, ref, platform, t.cred)
	if err != nil {
		return engine.Classify(err)
	}
	t.send(message{ID: tagOf(ref), Status: "Pulling from " + ref.Repository})
	before, _ := t.Images.Get(ref.String())
	digest, err := registry.Named(img)
	if err != nil {
		return err
	}
	names := []string{ref.Host + "/" + ref.Repository + "@" + digest.String()}
	if ref.Digest == "" { // a digest in the reference wins over its tag
		names = append(names, ref.String())
	}
	got, err := t.Images.Put(ctx, img, t.layer, names...)
	if err != nil {
		return engine.Classify(err)
	}
	t.status("Digest: " + digest.String())
	if before != nil && before.ID == got.ID {
		t.status("Status: Image is up to date for " + ref.Familiar())
	} else {
		t.status("Status: Downloaded newer image for " + ref.Familiar())
	}
	publish(t.Engine, "pull", ref.Familiar(), ref.Familiar())
	return nil
}

// tagOf is what stands before "Pulling from".
func tagOf(ref registry.Reference) string {
	if ref.Digest != "" {
		return ref.Digest
	}
	return ref.Tag
}

// push posts an image, or every tag of a repository.
func push(w http.ResponseWriter, r *http.Request, e *engine.Engine, name string) error {
	cred, err := credentials(r)
	if err != nil {
		return err
	}
	tag := r.URL.Query().Get("tag")
	ref, err := registry.ParseReference(join(name, tag))
	if err != nil {
		return errdefs.ErrInvalidArgument.WithMessage(err.Error())
	}
	p := newProgress(w)
	p.status("The push refers to repository [" + ref.Host + "/" + ref.Repository + "]")
	refs := []registry.Reference{ref}
	if tag == "" {
		if refs, err = tagged(e, ref); err != nil {
			return p.end(err)
		}
	}
	for _, one := range refs {
		if err := (transfer{e, p, cred}).post(r.Context(), one); err != nil {
			return p.end(err)
		}
	}
	return nil
}

// post is the push of one tag.
func (t transfer) post(ctx context.Context, ref registry.Reference) error {
	img, err := t.Images.Get(ref.String())
	if err != nil {
		return errdefs.ErrNotFound.WithMessage("An image does not exist locally with the tag: " + ref.Name())
	}
	sent, err := t.Registry.Push(ctx, ref, img.Image, t.cred, t.layer)
	if err != nil {
		return engine.Classify(err)
	}
	t.status(fmt.Sprintf("%s: digest: %s size: %d", ref.Tag, sent.Digest, sent.Size))
	t.send(message{Aux: map[string]any{"Tag": ref.Tag, "Digest": sent.Digest.String(), "Size": sent.Size}})
	publish(t.Engine, "push", ref.Familiar(), ref.Familiar())
	return nil
}

// tagged are all references of ref's repository that the store knows.
func tagged(e *engine.Engine, ref registry.Reference) ([]registry.Reference, error) {
	all, err := e.Images.List()
	if err != nil {
		return nil, err
	}
	var refs []registry.Reference
	for _, img := range all {
		for _, name := range img.Names {
			one, err := registry.ParseReference(name)
			if err == nil && one.Host == ref.Host && one.Repository == ref.Repository {
				refs = append(refs, one)
			}
		}
	}
	if len(refs) == 0 {
		return nil, errdefs.ErrNotFound.WithMessage("An image does not exist locally with the tag: " + ref.Name())
	}
	return refs, nil
}

// join puts a tag or a digest behind a name.
func join(name, tag string) string {
	switch {
	case tag == "":
		return name
	case len(tag) > 7 && tag[:7] == "sha256:":
		return name + "@" + tag
	}
	return name + ":" + tag
}

// platformOf reads "linux/arm64/v8"; empty is the machine's own.
func platformOf(text string) (v1.Platform, error) {
	if text == "" {
		return engine.Machine(), nil
	}
	p, err := v1.ParsePlatform(text)
	if err != nil || slices.Contains(strings.Split(text, "/"), "") {
		return v1.Platform{}, errdefs.ErrInvalidArgument.WithMessage(`"` + text + `" is an invalid platform: expected os/architecture[/variant]`)
	}
	return *p, nil
}

// credentials are what the client sends in X-Registry-Auth.
func credentials(r *http.Request) (registry.Credentials, error) {
	cred, err := auth.DecodeHeader(r.Header.Get("X-Registry-Auth"))
	if err != nil {
		return cred, errdefs.ErrInvalidArgument.WithMessage(err.Error())
	}
	return cred, nil
}
