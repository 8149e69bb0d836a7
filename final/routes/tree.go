package routes

import (
	"net/http"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"

	"drydock/07-daemon/api"
	"drydock/final/engine"
)

// trees registers what is done with the file systems of containers.
func trees(mux *http.ServeMux, e *engine.Engine) {
	mux.Handle("GET /containers/{name}/changes", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		changes, err := e.Changes(r.PathValue("name"))
		if err != nil {
			return err
		}
		return api.WriteJSON(w, http.StatusOK, changes)
	}))
	mux.Handle("GET /containers/{name}/export", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return export(w, r, e)
	}))
	mux.Handle("POST /commit", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return commit(w, r, e)
	}))
	mux.Handle("/containers/{name}/archive", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if _, err := e.Containers.Inspect(r.PathValue("name"), false); err != nil {
			return err
		}
		return errdefs.ErrNotImplemented.WithMessage("copying files into and out of containers is not supported yet: use a volume, or `docker exec -i CONTAINER tar`")
	}))
}

// export is `docker export`.
func export(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	write, err := e.Export(r.PathValue("name"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-tar")
	if err := write(w); err != nil {
		panic(http.ErrAbortHandler) // a broken stream must not look like a whole one
	}
	return nil
}

// commit is `docker commit`. The body may change the container's config.
func commit(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	q := r.URL.Query()
	o := engine.Commit{
		Container: q.Get("container"), Comment: q.Get("comment"), Author: q.Get("author"), Changes: q["changes"],
		Pause: !q.Has("pause") || api.Bool(r, "pause"),
	}
	if q.Get("repo") != "" {
		o.Name = join(q.Get("repo"), q.Get("tag"))
	}
	img, err := e.Commit(r.Context(), o)
	if err != nil {
		return err
	}
	publish(e, "create", img.ID.String(), img.ID.String())
	return api.WriteJSON(w, http.StatusCreated, container.CommitResponse{ID: img.ID.String()})
}
