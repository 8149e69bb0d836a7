package server

import (
	"errors"
	"io"
	"net/http"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"drydock/05-registry/wire"
)

func (s *Server) getBlob(c call) error {
	h, err := c.digest(c.arg)
	if err != nil {
		return err
	}
	if !c.repo.has("blobs", entry(h)) {
		return refuse(http.StatusNotFound, wire.BlobUnknown, "blob unknown to registry: %s", h)
	}
	c.w.Header().Set("Content-Type", "application/octet-stream")
	return s.serveBlob(c, h)
}

// serveBlob sends bytes by digest: all of them, a Range, or just the headers.
// What is named by its digest never changes, so its digest is its ETag.
func (s *Server) serveBlob(c call, h v1.Hash) error {
	f, err := s.blobs.Open(h)
	if err != nil {
		return unknown(err, wire.BlobUnknown, "blob unknown to registry", h)
	}
	defer f.Close()
	c.w.Header().Set("Docker-Content-Digest", h.String())
	c.w.Header().Set("ETag", `"`+h.String()+`"`)
	http.ServeContent(c.w, c.r, "", time.Time{}, f)
	return nil
}

func (s *Server) deleteBlob(c call) error {
	h, err := c.digest(c.arg)
	if err != nil {
		return err
	}
	return c.remove("blobs", entry(h), wire.BlobUnknown)
}

func (c call) digest(text string) (v1.Hash, error) {
	h, err := v1.NewHash(text)
	if err != nil {
		return h, refuse(http.StatusBadRequest, "DIGEST_INVALID", "invalid digest: %v", err)
	}
	return h, nil
}

// broken sorts an error of reading a body: it is too large, it ended early, or
// it was us who could not keep it.
func broken(err error) error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return refuse(http.StatusRequestEntityTooLarge, "SIZE_INVALID", "more than %d bytes", large.Limit)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return refuse(http.StatusBadRequest, "SIZE_INVALID", "the body ended too early")
	}
	return err
}
