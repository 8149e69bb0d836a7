package routes

import (
	"errors"
	"io"
	"net/http"
	"runtime"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/registry"

	"drydock/05-registry/wire"
	"drydock/07-daemon/api"
	"drydock/final/engine"
)

// system registers what speaks of the engine itself.
func system(mux *http.ServeMux, e *engine.Engine) {
	mux.Handle("GET /_ping", api.Handler(ping)) // HEAD too
	mux.Handle("GET /version", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return api.WriteJSON(w, http.StatusOK, e.Version())
	}))
	mux.Handle("GET /info", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		info, err := e.Info()
		if err != nil {
			return err
		}
		return api.WriteJSON(w, http.StatusOK, info)
	}))
	mux.Handle("GET /system/df", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return diskUsage(w, r, e)
	}))
	mux.Handle("POST /auth", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return login(w, r, e)
	}))
}

// ping is what clients negotiate by; the version headers are set on every
// answer by api.Version.
func ping(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	h.Set("Pragma", "no-cache")
	h.Set("Ostype", runtime.GOOS)
	h.Set("Swarm", "inactive")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	if r.Method == http.MethodHead {
		h.Set("Content-Length", "0")
		return nil
	}
	_, err := io.WriteString(w, "OK")
	return err
}

// login asks the registry whether the credentials are right; they are not
// kept.
func login(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	var cred registry.AuthConfig
	if err := api.ReadJSON(r, &cred); err != nil {
		return err
	}
	token, status, err := e.Login(r.Context(), cred)
	var refused *wire.Error
	if errors.As(err, &refused) && refused.Status == http.StatusUnauthorized {
		return errdefs.ErrUnauthenticated.WithMessage(err.Error())
	}
	if err != nil {
		return err
	}
	return api.WriteJSON(w, http.StatusOK, registry.AuthResponse{IdentityToken: token, Status: status})
}
