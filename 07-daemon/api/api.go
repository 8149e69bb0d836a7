// Package api serves containers over HTTP exactly as Docker's engine does:
// routes, JSON, status codes and sentences. The types on the wire are those of
// github.com/moby/moby/api; legacy.go adds what older clients still expect.
package api

import (
	"net/http"

	"drydock/07-daemon/daemon"
	"drydock/07-daemon/filter"
)

// Current is the newest version of the API that we speak, Oldest the first.
const (
	Current = "1.51"
	Oldest  = "1.24"
)

// A Handler answers one request, or says why it cannot; the error becomes
// {"message": …} with the status that WriteError finds.
type Handler func(w http.ResponseWriter, r *http.Request) error

// ServeHTTP makes a Handler an http.Handler.
func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { panic("seam") }

// Register adds the routes of containers, execs and events to mux. Patterns
// have no version: Version strips it.
func Register(mux *http.ServeMux, d *daemon.Daemon) { panic("seam") }

// Version is the outermost handler: it takes /v1.NN off the path, refuses
// versions that we do not speak, sets the headers of every answer, and turns
// cross-origin requests away. server is the Server header.
func Version(server string, next http.Handler) http.Handler { panic("seam") }

// AtLeast says whether the client speaks version ("1.44") or a newer one.
func AtLeast(r *http.Request, version string) bool { panic("seam") }

// WriteJSON answers with v.
func WriteJSON(w http.ResponseWriter, status int, v any) error { panic("seam") }

// WriteError answers with {"message": …}. Only errors classified with errdefs
// become 304, 400, 401, 403, 404, 409, 501 or 503; all others are 500.
func WriteError(w http.ResponseWriter, err error) { panic("seam") }

// ReadJSON reads the body into v, with Docker's words for an empty, a
// malformed and an overlong one. A body is at most 8 MiB.
func ReadJSON(r *http.Request, v any) error { panic("seam") }

// Bool reads a query parameter as Docker does: absent, "", "0", "no", "false"
// and "none" are false, everything else is true.
func Bool(r *http.Request, name string) bool { panic("seam") }

// Filters reads the query parameter "filters".
func Filters(r *http.Request) (filter.Args, error) { panic("seam") }

// NewStream starts an answer of unknown length, flushed after every write.
func NewStream(w http.ResponseWriter, contentType string) *Stream { panic("seam") }

// A Stream is an answer that is sent piece by piece.
type Stream struct{}

// Write sends p at once.
func (s *Stream) Write(p []byte) (int, error) { panic("seam") }

// JSON sends v as one line.
func (s *Stream) JSON(v any) error { panic("seam") }
