package routes

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/containerd/errdefs"

	"drydock/07-daemon/api"
	"drydock/final/engine"
)

// saveImages is `docker save` of several images, saveImage of one.
func saveImages(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	return save(w, r, e, r.URL.Query()["names"]...)
}

func saveImage(w http.ResponseWriter, r *http.Request, e *engine.Engine, name string) error {
	return save(w, r, e, name)
}

func save(w http.ResponseWriter, r *http.Request, e *engine.Engine, refs ...string) error {
	for _, ref := range refs { // while it can still become a status code
		if _, err := e.Images.Get(ref); err != nil {
			return engine.Classify(err)
		}
	}
	w.Header().Set("Content-Type", "application/x-tar")
	if err := e.Images.Save(r.Context(), w, refs...); err != nil {
		panic(http.ErrAbortHandler) // a broken stream must not look like a whole one
	}
	return nil
}

// loadImages is `docker load`.
func loadImages(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	p := newProgress(w)
	layer := p.layer
	if api.Bool(r, "quiet") {
		layer = nil
	}
	loaded, err := e.Images.Load(r.Context(), r.Body, layer)
	if err != nil {
		return p.end(engine.Classify(err))
	}
	for _, img := range loaded {
		for _, name := range img.Names {
			p.send(message{Stream: "Loaded image: " + name + "\n"})
		}
		if len(img.Names) == 0 {
			p.send(message{Stream: "Loaded image ID: " + img.ID.String() + "\n"})
		}
		publish(e, "load", img.ID.String(), img.ID.String())
	}
	return nil
}

// imports is `docker import`: a tar of a file system becomes an image.
func imports(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	q := r.URL.Query()
	if q.Get("fromSrc") != "-" {
		return errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("import from %s: this engine imports what the client sends; download it first", q.Get("fromSrc")))
	}
	config, err := engine.ImportConfig(q["changes"])
	if err != nil {
		return err
	}
	name := ""
	if q.Get("repo") != "" {
		name = join(q.Get("repo"), q.Get("tag"))
	}
	img, err := e.Images.Import(r.Context(), r.Body, config, importMessage(q), name)
	if err != nil {
		return engine.Classify(err)
	}
	p := newProgress(w)
	p.status(img.ID.String())
	publish(e, "import", img.ID.String(), img.ID.String())
	return nil
}

func importMessage(q url.Values) string {
	if text := q.Get("message"); text != "" {
		return text
	}
	return "Imported from -"
}
