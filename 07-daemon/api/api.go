// Package api serves containers over HTTP exactly as Docker's engine does:
// routes, JSON, status codes and sentences. The types on the wire are those of
// github.com/moby/moby/api; legacy.go adds what older clients still expect.
package api

import (
	"net/http"

	"drydock/07-daemon/daemon"
	"drydock/07-daemon/filter"
)

// A Handler answers one request, or says why it cannot; the error becomes
// {"message": …} with the status that WriteError finds.
type Handler func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP makes a Handler an http.Handler.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h(w, r); err != nil {
		WriteError(w, err)
	}
}

// Register adds the routes of containers, execs and events to mux. Patterns
// have no version: Version strips it.
func Register(mux *http.ServeMux, d *daemon.Daemon) {
	s := server{d}
	for pattern, handler := range map[string]Handler{
		"GET /containers/json":            s.list,
		"POST /containers/create":         s.create,
		"POST /containers/prune":          s.prune,
		"GET /containers/{name}/json":     s.inspect,
		"GET /containers/{name}/logs":     s.logs,
		"GET /containers/{name}/stats":    s.stats,
		"GET /containers/{name}/top":      s.top,
		"POST /containers/{name}/start":   s.start,
		"POST /containers/{name}/stop":    s.stop,
		"POST /containers/{name}/restart": s.restart,
		"POST /containers/{name}/kill":    s.kill,
		"POST /containers/{name}/pause":   s.pause,
		"POST /containers/{name}/unpause": s.unpause,
		"POST /containers/{name}/rename":  s.rename,
		"POST /containers/{name}/update":  s.update,
		"POST /containers/{name}/wait":    s.wait,
		"POST /containers/{name}/resize":  s.resize,
		"POST /containers/{name}/attach":  s.attach,
		"POST /containers/{name}/exec":    s.execCreate,
		"DELETE /containers/{name}":       s.remove,
		"POST /exec/{id}/start":           s.execStart,
		"POST /exec/{id}/resize":          s.execResize,
		"GET /exec/{id}/json":             s.execInspect,
		"GET /events":                     s.events,
	} {
		mux.Handle(pattern, handler)
	}
}

// A server answers for one daemon.
type server struct{ d *daemon.Daemon }

// Filters reads the query parameter "filters".
func Filters(r *http.Request) (filter.Args, error) {
	return filter.Parse(r.URL.Query().Get("filters"))
}
