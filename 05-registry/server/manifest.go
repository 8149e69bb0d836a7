package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"strconv"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"drydock/05-registry/wire"
)

// A document is what images and indexes have in common, as far as a registry
// must understand it: what it points at.
type document struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     types.MediaType   `json:"mediaType"`
	ArtifactType  string            `json:"artifactType"`
	Config        *v1.Descriptor    `json:"config"`
	Layers        []v1.Descriptor   `json:"layers"`
	Manifests     []v1.Descriptor   `json:"manifests"`
	Subject       *v1.Descriptor    `json:"subject"`
	Annotations   map[string]string `json:"annotations"`
}

func (s *Server) getManifest(c call) error {
	h, err := c.repo.resolve(c.arg)
	if err != nil {
		return unknown(err, wire.ManifestUnknown, "manifest unknown", c.arg)
	}
	mediaType, err := c.repo.text("manifests", entry(h))
	if err != nil {
		return unknown(err, wire.ManifestUnknown, "manifest unknown", c.arg)
	}
	c.w.Header().Set("Content-Type", mediaType)
	return s.serveBlob(c, h)
}

// putManifest takes a manifest as it is: a digest is over bytes, so a registry
// that reformats JSON breaks every reference to it.
func (s *Server) putManifest(c call) error {
	raw, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, wire.MaxManifest))
	if err != nil {
		return broken(err)
	}
	h, err := c.manifestHash(raw)
	if err != nil {
		return err
	}
	mediaType, d, err := c.parse(raw)
	if err != nil {
		return err
	}
	if err := c.repo.complete(d); err != nil {
		return err
	}
	if _, err := s.blobs.Copy(bytes.NewReader(raw), h, int64(len(raw))); err != nil {
		return err
	}
	if err := c.repo.record(h, mediaType, d); err != nil {
		return err
	}
	if wire.ValidTag(c.arg) { // the name is written last
		if err := c.repo.link("tags", c.arg, h.String()); err != nil {
			return err
		}
	}
	if d.Subject != nil {
		c.w.Header().Set("OCI-Subject", d.Subject.Digest.String())
	}
	return c.created("manifests", h)
}

// manifestHash is the digest of raw, which must be the one in the path when
// the path names one.
func (c call) manifestHash(raw []byte) (v1.Hash, error) {
	want, err := v1.NewHash(c.arg)
	if err != nil {
		if !wire.ValidTag(c.arg) {
			return v1.Hash{}, refuse(http.StatusBadRequest, "MANIFEST_INVALID", "%q is neither a tag nor a digest", c.arg)
		}
		h, _, err := v1.SHA256(bytes.NewReader(raw))
		return h, err
	}
	got, err := wire.Digest(want.Algorithm, raw)
	if err == nil && got != want {
		err = refuse(http.StatusBadRequest, "DIGEST_INVALID", "the manifest is %s, not %s", got, want)
	}
	return got, err
}

// parse reads the manifest. A document that says what it is must agree with
// the header: otherwise one client sees an image and another one an index in
// the same bytes (CVE-2021-41190).
func (c call) parse(raw []byte) (mediaType string, d document, err error) {
	mediaType, _, err = mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil {
		return "", d, refuse(http.StatusBadRequest, "MANIFEST_INVALID", "a manifest needs its media type as Content-Type")
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return "", d, refuse(http.StatusBadRequest, "MANIFEST_INVALID", "the manifest is not valid: %v", err)
	}
	image, index := d.Config != nil || d.Layers != nil, d.Manifests != nil
	switch {
	case d.SchemaVersion != 2:
		err = refuse(http.StatusBadRequest, "MANIFEST_INVALID", "schema version %d is not served here", d.SchemaVersion)
	case d.MediaType != "" && string(d.MediaType) != mediaType:
		err = refuse(http.StatusBadRequest, "MANIFEST_INVALID", "the manifest calls itself %s, the header calls it %s", d.MediaType, mediaType)
	case image && index:
		err = refuse(http.StatusBadRequest, "MANIFEST_INVALID", "the manifest is both an image and an index")
	}
	return mediaType, d, err
}

// complete checks that all that the manifest points at has come before it.
// The subject is free to come later, and foreign layers live elsewhere.
func (r repository) complete(d document) error {
	blobs := d.Layers
	if d.Config != nil {
		blobs = append([]v1.Descriptor{*d.Config}, blobs...)
	}
	for _, b := range blobs {
		if len(b.URLs) == 0 && !r.has("blobs", entry(b.Digest)) {
			return refuse(http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN", "blob unknown: %s", b.Digest)
		}
	}
	for _, m := range d.Manifests {
		if !r.has("manifests", entry(m.Digest)) {
			return refuse(http.StatusBadRequest, "MANIFEST_BLOB_UNKNOWN", "manifest unknown: %s", m.Digest)
		}
	}
	return nil
}

func (r repository) record(h v1.Hash, mediaType string, d document) error {
	if d.Subject != nil {
		if err := r.link("referrers/"+entry(d.Subject.Digest), entry(h), ""); err != nil {
			return err
		}
	}
	return r.link("manifests", entry(h), mediaType)
}

// deleteManifest forgets a tag, or a manifest with all tags that mean it.
func (s *Server) deleteManifest(c call) error {
	h, err := v1.NewHash(c.arg)
	if err != nil {
		if !wire.ValidTag(c.arg) {
			return refuse(http.StatusBadRequest, "MANIFEST_INVALID", "%q is neither a tag nor a digest", c.arg)
		}
		return c.remove("tags", c.arg, wire.ManifestUnknown)
	}
	tags, err := c.repo.entries("tags")
	if err != nil {
		return err
	}
	for _, tag := range tags {
		if text, _ := c.repo.text("tags", tag); text == h.String() {
			if err := os.Remove(c.repo.path("tags", tag)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	if d, err := s.document(h); err == nil && d.Subject != nil {
		os.Remove(c.repo.path("referrers/"+entry(d.Subject.Digest), entry(h)))
	}
	return c.remove("manifests", entry(h), wire.ManifestUnknown)
}

// document reads a manifest of the store again.
func (s *Server) document(h v1.Hash) (d document, err error) {
	raw, err := s.blobs.Read(h, wire.MaxManifest)
	if err == nil {
		err = json.Unmarshal(raw, &d)
	}
	return d, err
}

// remove takes a link away and answers 202.
func (c call) remove(kind, entry, code string) error {
	if err := os.Remove(c.repo.path(kind, entry)); err != nil {
		return unknown(err, code, "unknown to "+c.repo.name, c.arg)
	}
	c.w.WriteHeader(http.StatusAccepted)
	return nil
}

// created answers 201 with the place of what was made.
func (c call) created(kind string, h v1.Hash) error {
	c.w.Header().Set("Location", "/v2/"+c.repo.name+"/"+kind+"/"+h.String())
	c.w.Header().Set("Docker-Content-Digest", h.String())
	c.w.Header().Set("Content-Length", strconv.Itoa(0))
	c.w.WriteHeader(http.StatusCreated)
	return nil
}
