package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/common"
)

// WriteJSON answers with v.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)+1))
	w.WriteHeader(status)
	w.Write(append(text, '\n')) // a client that went away needs no answer
	return nil
}

// WriteError answers with {"message": …}. Only errors classified with errdefs
// become 304, 400, 401, 403, 404, 409, 501 or 503; all others are 500.
func WriteError(w http.ResponseWriter, err error) {
	status := statusOf(err)
	if status == http.StatusNotModified {
		w.WriteHeader(status)
		return
	}
	WriteJSON(w, status, common.ErrorResponse{Message: err.Error()})
}

func statusOf(err error) int {
	for _, kind := range []struct {
		is     func(error) bool
		status int
	}{
		{errdefs.IsNotFound, http.StatusNotFound},
		{errdefs.IsInvalidArgument, http.StatusBadRequest},
		{errdefs.IsConflict, http.StatusConflict},
		{errdefs.IsAlreadyExists, http.StatusConflict},
		{errdefs.IsUnauthorized, http.StatusUnauthorized},
		{errdefs.IsPermissionDenied, http.StatusForbidden},
		{errdefs.IsNotModified, http.StatusNotModified},
		{errdefs.IsNotImplemented, http.StatusNotImplemented},
		{errdefs.IsUnavailable, http.StatusServiceUnavailable},
	} {
		if kind.is(err) {
			return kind.status
		}
	}
	return http.StatusInternalServerError
}

// maxBody is far above any sensible request.
const maxBody = 8 << 20

// ReadJSON reads the body into v, with Docker's words for an empty, a
// malformed and an overlong one. A body is at most 8 MiB.
func ReadJSON(r *http.Request, v any) error {
	if err := isJSON(r); err != nil {
		return err
	}
	body := http.MaxBytesReader(nil, r.Body, maxBody)
	defer body.Close()
	decoder := json.NewDecoder(body)
	if err := decoder.Decode(v); err != nil {
		var long *http.MaxBytesError
		switch {
		case errors.As(err, &long):
			return errdefs.ErrInvalidArgument.WithMessage("request body is too large")
		case errors.Is(err, io.EOF):
			return errdefs.ErrInvalidArgument.WithMessage("invalid JSON: got EOF while reading request body")
		default:
			return errdefs.ErrInvalidArgument.WithMessage("invalid JSON: " + err.Error())
		}
	}
	if decoder.More() {
		return errdefs.ErrInvalidArgument.WithMessage("unexpected content after JSON")
	}
	return nil
}

// isJSON refuses a body that says it is something else: a form of a web page,
// for one.
func isJSON(r *http.Request) error {
	kind := r.Header.Get("Content-Type")
	if kind == "" && r.ContentLength == 0 {
		return nil
	}
	media, _, _ := strings.Cut(kind, ";")
	if strings.TrimSpace(media) != "application/json" {
		return errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("unsupported Content-Type header (%s): must be 'application/json'", kind))
	}
	return nil
}

// Bool reads a query parameter as Docker does: absent, "", "0", "no", "false"
// and "none" are false, everything else is true.
func Bool(r *http.Request, name string) bool {
	switch strings.ToLower(strings.TrimSpace(r.URL.Query().Get(name))) {
	case "", "0", "no", "false", "none":
		return false
	default:
		return true
	}
}

// number reads a query parameter that is a number; absent is none.
func number(r *http.Request, name string, none int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return none, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("invalid value for %s: %q is no number", name, text))
	}
	return n, nil
}

// NewStream starts an answer of unknown length, flushed after every write.
func NewStream(w http.ResponseWriter, contentType string) *Stream {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(http.StatusOK)
	s := &Stream{w, http.NewResponseController(w)}
	s.control.Flush()
	return s
}

// A Stream is an answer that is sent piece by piece.
type Stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// Write sends p at once.
func (s *Stream) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		return n, err
	}
	return n, s.control.Flush()
}

// JSON sends v as one line.
func (s *Stream) JSON(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode a line of the answer: %w", err)
	}
	_, err = s.Write(append(text, '\n'))
	return err
}
