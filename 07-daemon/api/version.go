package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/containerd/errdefs"
)

// Current is the newest version of the API that we speak, Oldest the first.
const (
	Current = "1.51"
	Oldest  = "1.24"
)

// versionKey is where Version leaves the client's version in the request.
type versionKey struct{}

// Version is the outermost handler: it takes /v1.NN off the path, refuses
// versions that we do not speak, sets the headers of every answer, and turns
// cross-origin requests away. server is the Server header.
func Version(server string, next http.Handler) http.Handler {
	return Handler(func(w http.ResponseWriter, r *http.Request) error {
		h := w.Header()
		h.Set("Api-Version", Current)
		h.Set("Server", server)
		h.Set("Ostype", "linux")
		h.Set("Docker-Experimental", "false")
		h.Set("Builder-Version", "1")
		if err := sameOrigin(r); err != nil {
			return err
		}
		version, path := splitVersion(r.URL.Path)
		if err := speak(version); err != nil {
			return err
		}
		r = r.WithContext(context.WithValue(r.Context(), versionKey{}, version))
		// The copy's own URL: the one of the server may be logged later.
		u := *r.URL
		u.Path, u.RawPath = path, ""
		r.URL = &u
		next.ServeHTTP(w, r)
		return nil
	})
}

// sameOrigin refuses what a web page in somebody's browser sends: a page can
// reach a daemon on loopback, and must not start containers.
func sameOrigin(r *http.Request) error {
	if r.Header.Get("Origin") != "" {
		return errdefs.ErrPermissionDenied.WithMessage("requests from web pages are not answered")
	}
	return nil
}

// splitVersion splits "/v1.44/info"; without a version it is the current one.
func splitVersion(path string) (version, rest string) {
	text, found := strings.CutPrefix(path, "/v")
	if !found {
		return Current, path
	}
	version, rest, _ = strings.Cut(text, "/")
	if _, _, ok := numbers(version); !ok {
		return Current, path
	}
	return version, "/" + rest
}

// speak refuses versions in Docker's words.
func speak(version string) error {
	switch {
	case less(version, Oldest):
		return errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("client version %s is too old. Minimum supported API version is %s, "+
			"please upgrade your client to a newer version", version, Oldest))
	case less(Current, version):
		return errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("client version %s is too new. Maximum supported API version is %s", version, Current))
	default:
		return nil
	}
}

// AtLeast says whether the client speaks version ("1.44") or a newer one.
func AtLeast(r *http.Request, version string) bool {
	spoken, ok := r.Context().Value(versionKey{}).(string)
	return !ok || !less(spoken, version)
}

// less compares versions; one that cannot be read is less than none.
func less(a, b string) bool {
	aMajor, aMinor, okA := numbers(a)
	bMajor, bMinor, okB := numbers(b)
	return okA && okB && (aMajor < bMajor || aMajor == bMajor && aMinor < bMinor)
}

func numbers(version string) (major, minor int, ok bool) {
	a, b, found := strings.Cut(version, ".")
	major, errA := strconv.Atoi(a)
	minor, errB := strconv.Atoi(b)
	return major, minor, found && errA == nil && errB == nil
}
