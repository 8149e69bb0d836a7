package server

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"drydock/05-registry/wire"
)

// maxCatalog is the length of a page of names when the client names none.
const maxCatalog = 1000

func (s *Server) catalog(c call) error {
	names, err := s.repositories()
	if err != nil {
		return err
	}
	names, err = c.page(names, maxCatalog)
	if err != nil {
		return err
	}
	return writeJSON(c.w, http.StatusOK, map[string]any{"repositories": names})
}

func (s *Server) tags(c call) error {
	if !c.repo.has("manifests", "") {
		return refuse(http.StatusNotFound, wire.NameUnknown, "repository name not known to registry: %s", c.repo.name)
	}
	tags, err := c.repo.entries("tags")
	if err != nil {
		return err
	}
	tags, err = c.page(tags, len(tags))
	if err != nil {
		return err
	}
	return writeJSON(c.w, http.StatusOK, map[string]any{"name": c.repo.name, "tags": tags})
}

// page cuts the part of a sorted list that the query asks for: n entries that
// come after last. Where more follow, a Link header says how to go on (RFC 8288).
func (c call) page(list []string, n int) ([]string, error) {
	query := c.r.URL.Query()
	if text := query.Get("n"); text != "" {
		asked, err := strconv.Atoi(text)
		if err != nil || asked < 0 {
			return nil, refuse(http.StatusBadRequest, "PAGINATION_NUMBER_INVALID", "invalid number of results requested: %q", text)
		}
		n = asked
	}
	if last := query.Get("last"); last != "" {
		i, found := slices.BinarySearch(list, last)
		if found {
			i++
		}
		list = list[i:]
	}
	if n >= len(list) {
		return append([]string{}, list...), nil
	}
	list = list[:n]
	if n > 0 {
		next := url.Values{"n": {strconv.Itoa(n)}, "last": {list[n-1]}}
		c.w.Header().Set("Link", fmt.Sprintf("<%s?%s>; rel=\"next\"", c.r.URL.Path, next.Encode()))
	}
	return list, nil
}

// referrers lists the manifests that speak about a digest: signatures, bills
// of materials. It is an index made on the spot, empty when there are none.
func (s *Server) referrers(c call) error {
	subject, err := c.digest(c.arg)
	if err != nil {
		return err
	}
	names, err := c.repo.entries("referrers/" + entry(subject))
	if err != nil {
		return err
	}
	wanted := c.r.URL.Query().Get("artifactType")
	index := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	for _, name := range names {
		d, err := s.descriptor(c.repo, name)
		if err != nil {
			return err
		}
		if wanted == "" || wanted == d.ArtifactType {
			index.Manifests = append(index.Manifests, d)
		}
	}
	if wanted != "" {
		c.w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	c.w.Header().Set("Content-Type", string(types.OCIImageIndex))
	return writeJSON(c.w, http.StatusOK, index)
}

// descriptor describes a stored manifest. An image without a type of artifact
// is known by the type of its config, as the specification says.
func (s *Server) descriptor(r repository, name string) (v1.Descriptor, error) {
	h, err := hash(name)
	if err != nil {
		return v1.Descriptor{}, err
	}
	mediaType, err := r.text("manifests", name)
	if err != nil {
		return v1.Descriptor{}, err
	}
	size, err := s.blobs.Stat(h)
	if err != nil {
		return v1.Descriptor{}, err
	}
	d, err := s.document(h)
	if err != nil {
		return v1.Descriptor{}, err
	}
	if d.ArtifactType == "" && d.Config != nil {
		d.ArtifactType = string(d.Config.MediaType)
	}
	return v1.Descriptor{MediaType: types.MediaType(mediaType), Size: size, Digest: h,
		ArtifactType: d.ArtifactType, Annotations: d.Annotations}, nil
}
