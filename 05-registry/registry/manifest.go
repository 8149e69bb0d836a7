package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"drydock/05-registry/wire"
)

// accept names the manifests that we understand. A registry that is not told
// converts to, or refuses with, something older.
var accept = []string{
	string(types.OCIImageIndex), string(types.OCIManifestSchema1),
	string(types.DockerManifestList), string(types.DockerManifestSchema2),
}

// maxDepth is how many indexes may stand above an image. Digests make circles
// impossible, but not towers.
const maxDepth = 4

// A manifest is the bytes of one and what they say they are.
type manifest struct {
	raw       []byte
	mediaType types.MediaType
	digest    v1.Hash
	named     v1.Hash // of what the reference means: the index, where there is one
}

// find fetches the manifest that reference means and follows indexes to the
// image for platform p.
func (s *session) find(ctx context.Context, reference string, p v1.Platform) (manifest, error) {
	m, err := s.manifest(ctx, reference)
	named := m.digest
	for depth := 0; err == nil && m.mediaType.IsIndex(); depth++ {
		if depth == maxDepth {
			return m, fmt.Errorf("index %s: %d indexes deep: %w", m.digest, depth, errContent)
		}
		var index v1.IndexManifest
		if err := json.Unmarshal(m.raw, &index); err != nil {
			return m, fmt.Errorf("read index %s: %w", m.digest, err)
		}
		var d v1.Descriptor
		if d, err = choose(index.Manifests, p); err != nil {
			return m, err
		}
		m, err = s.manifest(ctx, d.Digest.String())
		if err == nil && int64(len(m.raw)) != d.Size {
			err = fmt.Errorf("manifest %s has %d bytes, its index says %d: %w", d.Digest, len(m.raw), d.Size, errContent)
		}
	}
	m.named = named
	return m, err
}

// manifest fetches one manifest by tag or digest and checks all that can be.
func (s *session) manifest(ctx context.Context, reference string) (manifest, error) {
	resp, err := s.send(ctx, "GET", s.path("manifests", reference), http.Header{"Accept": accept})
	if err != nil {
		return manifest{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return manifest{}, missing(resp)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, wire.MaxManifest+1))
	if err != nil {
		return manifest{}, fmt.Errorf("read manifest %s: %w", reference, err)
	}
	if len(raw) > wire.MaxManifest {
		return manifest{}, fmt.Errorf("manifest %s is larger than %d bytes: %w", reference, wire.MaxManifest, errContent)
	}
	m := manifest{raw: raw}
	if m.digest, err = verify(raw, reference, resp.Header.Get("Docker-Content-Digest")); err != nil {
		return m, err
	}
	m.mediaType, err = mediaType(raw, resp.Header.Get("Content-Type"))
	return m, err
}

// missing reads the error; a 404 without a code can only mean one thing here.
func missing(resp *http.Response) error {
	err := refusal(resp)
	if e, ok := err.(*wire.Error); ok && e.Status == http.StatusNotFound && e.Code == wire.Unknown {
		e.Code, e.Message = wire.ManifestUnknown, "manifest unknown"
	}
	return err
}

// verify hashes a manifest and compares it with each of the names that is a
// digest: the one that we asked by and the one that the registry claims.
func verify(raw []byte, names ...string) (v1.Hash, error) {
	digest, _, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return digest, err
	}
	for _, name := range names {
		want, err := v1.NewHash(name)
		if err != nil {
			continue // a tag, or nothing
		}
		got, err := wire.Digest(want.Algorithm, raw)
		if err != nil {
			return digest, err
		}
		if got != want {
			return digest, fmt.Errorf("manifest %s turns out to be %s: %w", want, got, errContent)
		}
		digest = got
	}
	return digest, nil
}

// mediaType decides what a manifest is. Header and document must agree, and a
// document must not be image and index at once: two clients would see two
// different things under one digest (CVE-2021-41190).
func mediaType(raw []byte, header string) (types.MediaType, error) {
	var d struct {
		SchemaVersion int             `json:"schemaVersion"`
		MediaType     types.MediaType `json:"mediaType"`
		Manifests     json.RawMessage `json:"manifests"`
		Layers        json.RawMessage `json:"layers"`
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return "", fmt.Errorf("read manifest: %w", err)
	}
	parsed, _, _ := mime.ParseMediaType(header)
	is := types.MediaType(parsed)
	if !is.IsImage() && !is.IsIndex() {
		is = d.MediaType // a server of plain files says application/json
	}
	switch {
	case d.SchemaVersion == 1:
		return is, fmt.Errorf("the image has a manifest of schema 1, which is no longer supported")
	case d.MediaType != "" && d.MediaType != is:
		return is, fmt.Errorf("the manifest calls itself %s, the registry calls it %s: %w", d.MediaType, is, errContent)
	case d.Manifests != nil && d.Layers != nil:
		return is, fmt.Errorf("the manifest is both an image and an index: %w", errContent)
	case !is.IsImage() && !is.IsIndex():
		return is, fmt.Errorf("unsupported manifest media type %q", strings.TrimSpace(header))
	}
	return is, nil
}
