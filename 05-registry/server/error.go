package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"

	"drydock/05-registry/wire"
)

// refuse makes an error that the client may see.
func refuse(status int, code, format string, args ...any) error {
	return &wire.Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// unknown turns "no such file" into the protocol's own word for it; all other
// errors stay ours, so that a full disk never reads as "not found".
func unknown(err error, code, message string, detail any) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &wire.Error{Status: http.StatusNotFound, Code: code, Message: message, Detail: detail}
	}
	return err
}

// fail answers in the specification's form. What is not a refusal is our own
// trouble: its text may hold paths, so it goes to the log and not to the client.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var no *wire.Error
	if !errors.As(err, &no) {
		s.config.Log.Printf("%s %s: %v", r.Method, r.URL.Path, err)
		no = &wire.Error{Status: http.StatusInternalServerError, Code: wire.Unknown, Message: "internal error"}
	}
	writeJSON(w, no.Status, map[string]any{"errors": []*wire.Error{no}})
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b) // a client that hung up is not our error
	return nil
}
