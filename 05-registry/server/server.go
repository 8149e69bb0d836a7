// Package server is a registry of one's own: the distribution specification
// over chapter 4's blob store, on disk.
//
// What lies in Config.Dir:
//
//	blobs/sha256/HEX                            every byte once, whoever sent it
//	repositories/NAME/_manifests/sha256-HEX     its text is the media type
//	repositories/NAME/_blobs/sha256-HEX         empty: NAME may hand this blob out
//	repositories/NAME/_tags/TAG                 its text is a digest
//	repositories/NAME/_referrers/SUBJECT/DIGEST empty: DIGEST speaks about SUBJECT
//	repositories/NAME/_uploads/ID               bytes of an upload under way
//
// A part of a repository's name never starts with "_", so names cannot collide
// with what belongs to a repository. Blobs are shared between repositories but
// a link decides who may read them: knowing a digest is not a permission.
package server

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sync"

	"drydock/04-images/blob"
	"drydock/05-registry/wire"
)

// A Config says where a registry keeps its images and whom it lets in.
type Config struct {
	Dir string // made when it is not there

	// Login answers whether a user may come in; nil lets everybody in.
	Login func(username, password string) bool

	// MaxBlob bounds what one upload may write; zero is 32 GiB.
	MaxBlob int64

	// Log is told what went wrong on our side; nil is log.Default().
	Log *log.Logger
}

// A Server is an http.Handler; it is safe for concurrent use, but only one
// may serve a directory.
type Server struct {
	config Config
	blobs  *blob.Store

	mu   sync.Mutex
	busy map[string]bool // uploads that a request is writing to, under mu
}

// Open serves the registry in c.Dir, or an empty new one.
func Open(c Config) (*Server, error) {
	if c.MaxBlob == 0 {
		c.MaxBlob = 32 << 30
	}
	if c.Log == nil {
		c.Log = log.Default()
	}
	if err := os.MkdirAll(filepath.Join(c.Dir, "repositories"), 0o755); err != nil {
		return nil, fmt.Errorf("open registry: %w", err)
	}
	blobs, err := blob.Open(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("open registry: %w", err)
	}
	return &Server{config: c, blobs: blobs, busy: map[string]bool{}}, nil
}

// Close gives the directory up.
func (s *Server) Close() error { return s.blobs.Close() }

// A call is one request with the parts of its path.
type call struct {
	w    http.ResponseWriter
	r    *http.Request
	repo repository
	arg  string // tag, digest or upload id
}

// A route is one line of the specification's table of end points.
type route struct {
	path    *regexp.Regexp
	methods map[string]func(*Server, call) error
}

// routes are tried from the top: an upload's path looks like a blob's.
var routes = []route{
	{regexp.MustCompile(`^/v2/()()$`), map[string]func(*Server, call) error{
		"GET": (*Server).version}},
	{regexp.MustCompile(`^/v2/()_catalog()$`), map[string]func(*Server, call) error{
		"GET": (*Server).catalog}},
	{regexp.MustCompile(`^/v2/(.+)/tags/list()$`), map[string]func(*Server, call) error{
		"GET": (*Server).tags}},
	{regexp.MustCompile(`^/v2/(.+)/manifests/([^/]+)$`), map[string]func(*Server, call) error{
		"GET": (*Server).getManifest, "PUT": (*Server).putManifest, "DELETE": (*Server).deleteManifest}},
	{regexp.MustCompile(`^/v2/(.+)/referrers/([^/]+)$`), map[string]func(*Server, call) error{
		"GET": (*Server).referrers}},
	{regexp.MustCompile(`^/v2/(.+)/blobs/uploads/?()$`), map[string]func(*Server, call) error{
		"POST": (*Server).startUpload}},
	{regexp.MustCompile(`^/v2/(.+)/blobs/uploads/([^/]+)$`), map[string]func(*Server, call) error{
		"GET": (*Server).uploadStatus, "PATCH": (*Server).appendUpload,
		"PUT": (*Server).finishUpload, "DELETE": (*Server).cancelUpload}},
	{regexp.MustCompile(`^/v2/(.+)/blobs/([^/]+)$`), map[string]func(*Server, call) error{
		"GET": (*Server).getBlob, "DELETE": (*Server).deleteBlob}},
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	if err := s.serve(w, r); err != nil {
		s.fail(w, r, err)
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) error {
	if err := s.admit(w, r); err != nil {
		return err
	}
	for _, route := range routes {
		part := route.path.FindStringSubmatch(r.URL.Path)
		if part == nil {
			continue
		}
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet // net/http drops the body
		}
		handle := route.methods[method]
		if handle == nil {
			return refuse(http.StatusMethodNotAllowed, "UNSUPPORTED", "%s is not for %s", r.Method, r.URL.Path)
		}
		if part[1] != "" && !wire.ValidName(part[1]) {
			return refuse(http.StatusBadRequest, "NAME_INVALID", "invalid repository name %q", part[1])
		}
		return handle(s, call{w: w, r: r, repo: s.repository(part[1]), arg: part[2]})
	}
	return refuse(http.StatusNotFound, "UNSUPPORTED", "no such end point: %s", r.URL.Path)
}

// admit asks for a name and password where the registry is not for everybody.
// The challenge tells the client which dance to dance; see RFC 7617.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) error {
	if s.config.Login == nil {
		return nil
	}
	if username, password, ok := r.BasicAuth(); ok && s.config.Login(username, password) {
		return nil
	}
	w.Header().Set("WWW-Authenticate", `Basic realm="drydock registry"`)
	return refuse(http.StatusUnauthorized, wire.Unauthorized, "authentication required")
}

// version is how a client learns that it talks to a registry at all.
func (s *Server) version(c call) error {
	return writeJSON(c.w, http.StatusOK, struct{}{})
}
