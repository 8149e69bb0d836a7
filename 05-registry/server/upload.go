package server

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"drydock/04-images/blob"
	"drydock/05-registry/wire"
)

// uploadID is the only form of an upload's name, so it is safe as a file's.
var uploadID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// startUpload opens an upload: nothing sent yet, everything in this request
// (?digest=), or nothing to send because a repository has it (?mount=&from=).
func (s *Server) startUpload(c call) error {
	query := c.r.URL.Query()
	if query.Has("mount") {
		if h, ok := s.mounted(c, query.Get("mount"), query.Get("from")); ok {
			return s.keep(c, h)
		}
	}
	if query.Has("digest") {
		return s.monolith(c, query.Get("digest"), c.r.Body)
	}
	random := make([]byte, 16)
	rand.Read(random)
	c.arg = hex.EncodeToString(random)
	if err := os.MkdirAll(c.repo.path("uploads", ""), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(c.repo.path("uploads", c.arg), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	return c.progress(http.StatusAccepted, 0)
}

// mounted tells whether another repository can lend the blob. Without from
// the client must send it: a digest alone opens nobody else's repository.
func (s *Server) mounted(c call, digest, from string) (v1.Hash, bool) {
	h, err := v1.NewHash(digest)
	if err != nil || !wire.ValidName(from) {
		return h, false
	}
	return h, s.repository(from).has("blobs", entry(h))
}

// keep links a blob of the store into the repository and answers 201.
func (s *Server) keep(c call, h v1.Hash) error {
	if err := c.repo.link("blobs", entry(h), ""); err != nil {
		return err
	}
	return c.created("blobs", h)
}

// monolith takes a whole blob from body, checked while it is written.
func (s *Server) monolith(c call, digest string, body io.Reader) error {
	h, err := c.digest(digest)
	if err != nil {
		return err
	}
	body = http.MaxBytesReader(c.w, io.NopCloser(body), s.config.MaxBlob)
	if _, err := s.blobs.Copy(body, h, -1); err != nil {
		return refuseDigest(err)
	}
	return s.keep(c, h)
}

// uploadStatus tells a client that lost its connection where to go on.
func (s *Server) uploadStatus(c call) error {
	f, size, err := s.upload(c)
	if err != nil {
		return err
	}
	defer s.release(c, f)
	return c.progress(http.StatusNoContent, size)
}

// appendUpload takes the next bytes. Chunks come in order: one that says it
// starts elsewhere than at the end gets 416 and the truth.
func (s *Server) appendUpload(c call) error {
	f, size, err := s.upload(c)
	if err != nil {
		return err
	}
	defer s.release(c, f)
	size, err = s.receive(c, f, size)
	if err != nil {
		return err
	}
	return c.progress(http.StatusAccepted, size)
}

// finishUpload takes the last bytes, if any, and compares the digest of all.
func (s *Server) finishUpload(c call) error {
	f, size, err := s.upload(c)
	if err != nil {
		return err
	}
	defer s.release(c, f)
	digest := c.r.URL.Query().Get("digest")
	if size == 0 && c.r.Header.Get("Content-Range") == "" {
		err = s.monolith(c, digest, c.r.Body)
	} else if _, err = s.receive(c, f, size); err == nil {
		if _, err = f.Seek(0, io.SeekStart); err == nil {
			err = s.monolith(c, digest, f)
		}
	}
	if err != nil {
		return err
	}
	return os.Remove(f.Name())
}

func (s *Server) cancelUpload(c call) error {
	f, _, err := s.upload(c)
	if err != nil {
		return err
	}
	defer s.release(c, f)
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// upload opens an upload for one request; release lets the next one in. Two
// writers at once would mix their bytes.
func (s *Server) upload(c call) (*os.File, int64, error) {
	if !uploadID.MatchString(c.arg) {
		return nil, 0, refuse(http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry: %q", c.arg)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[c.arg] {
		return nil, 0, refuse(http.StatusConflict, "BLOB_UPLOAD_INVALID", "another request writes to upload %s", c.arg)
	}
	f, err := os.OpenFile(c.repo.path("uploads", c.arg), os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return nil, 0, unknown(err, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", c.arg)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	s.busy[c.arg] = true
	return f, info.Size(), nil
}

func (s *Server) release(c call, f *os.File) {
	f.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, c.arg)
}

// receive appends the request's body. What a broken connection brought stays:
// the client asks for the status and goes on from there.
func (s *Server) receive(c call, f *os.File, size int64) (int64, error) {
	if text := c.r.Header.Get("Content-Range"); text != "" {
		var from, to int64
		if n, err := fmt.Sscanf(text, "%d-%d", &from, &to); n != 2 || err != nil || to < from {
			return size, refuse(http.StatusBadRequest, "BLOB_UPLOAD_INVALID", "invalid Content-Range %q", text)
		}
		if from != size || c.r.ContentLength >= 0 && c.r.ContentLength != to-from+1 {
			c.headers(size)
			return size, refuse(http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID",
				"the upload has %d bytes, the chunk is %s of %d", size, text, c.r.ContentLength)
		}
	}
	n, err := io.Copy(f, http.MaxBytesReader(c.w, c.r.Body, max(0, s.config.MaxBlob-size)))
	if err != nil {
		return size + n, broken(err)
	}
	return size + n, nil
}

func (c call) headers(size int64) {
	c.w.Header().Set("Location", "/v2/"+c.repo.name+"/blobs/uploads/"+c.arg)
	c.w.Header().Set("Docker-Upload-UUID", c.arg)
	// The range is inclusive, so it cannot say "nothing": zero bytes and one
	// byte look the same. All registries live with it.
	c.w.Header().Set("Range", fmt.Sprintf("0-%d", max(0, size-1)))
}

func (c call) progress(status int, size int64) error {
	c.headers(size)
	c.w.Header().Set("Content-Length", "0")
	if status == http.StatusNoContent {
		c.w.Header().Del("Content-Length")
	}
	c.w.WriteHeader(status)
	return nil
}

// refuseDigest tells bytes that are not what they claim from our own trouble.
func refuseDigest(err error) error {
	if errors.Is(err, blob.ErrDigest) {
		return refuse(http.StatusBadRequest, "DIGEST_INVALID", "%v", err)
	}
	return broken(err)
}
