package wire

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// The codes that a client decides by.
const (
	Unauthorized    = "UNAUTHORIZED"
	Denied          = "DENIED"
	ManifestUnknown = "MANIFEST_UNKNOWN"
	NameUnknown     = "NAME_UNKNOWN"
	BlobUnknown     = "BLOB_UNKNOWN"
	TooManyRequests = "TOOMANYREQUESTS"
	Unknown         = "UNKNOWN"
)

// An Error is a registry's refusal. Its text is what Docker prints: the code
// in words, then the message ("manifest unknown: manifest unknown").
type Error struct {
	Status  int    `json:"-"` // of HTTP
	Code    string `json:"code"`
	Message string `json:"message"`
	Detail  any    `json:"detail,omitempty"`
}

// Error implements error: the code in words, then the message.
func (e *Error) Error() string {
	return strings.ToLower(strings.ReplaceAll(e.Code, "_", " ")) + ": " + e.Message
}

// maxError bounds what we read of an error: it may come from anywhere.
const maxError = 64 << 10

// ReadError makes an Error of a response that is none of the hoped-for ones.
// It always returns one: servers between us and the registry answer in HTML,
// token servers with {"details": "…"}, and some in nothing at all.
func ReadError(resp *http.Response) *Error {
	raw, _ := io.ReadAll(io.LimitReader(resp.Body, maxError))
	var body struct {
		Errors  []Error `json:"errors"`
		Details string  `json:"details"`
		Message string  `json:"message"`
	}
	json.Unmarshal(raw, &body) // what cannot be read is told by its status
	e := &Error{Code: codeOf(resp.StatusCode), Message: body.Details}
	if e.Message == "" {
		e.Message = body.Message
	}
	if len(body.Errors) > 0 && body.Errors[0].Code != "" {
		e = &body.Errors[0]
	}
	if e.Message == "" {
		e.Message = fmt.Sprintf("received unexpected HTTP status: %s", resp.Status)
	}
	e.Status = resp.StatusCode
	e.Message = oneLine(e.Message)
	return e
}

func codeOf(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return Unauthorized
	case http.StatusForbidden:
		return Denied
	case http.StatusTooManyRequests:
		return TooManyRequests
	}
	return Unknown
}

// oneLine keeps a stranger's words from painting on the user's terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
