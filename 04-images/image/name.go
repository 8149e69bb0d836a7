package image

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/distribution/reference"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// notFound reads as a sentence and is fs.ErrNotExist to errors.Is.
type notFound string

func (e notFound) Error() string        { return string(e) }
func (e notFound) Is(target error) bool { return target == fs.ErrNotExist }

// invalid reads as a sentence and is fs.ErrInvalid to errors.Is.
type invalid string

func (e invalid) Error() string        { return string(e) }
func (e invalid) Is(target error) bool { return target == fs.ErrInvalid }

// conflict reads as a sentence and is fs.ErrExist to errors.Is.
type conflict string

func (e conflict) Error() string        { return string(e) }
func (e conflict) Is(target error) bool { return target == fs.ErrExist }

// normal spells a reference out as Docker does: "ubuntu" is
// "docker.io/library/ubuntu:latest". A reference with tag and digest means
// the digest.
func normal(ref string) (string, error) {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return "", invalid(err.Error())
	}
	if digested, ok := named.(reference.Digested); ok {
		return reference.TrimNamed(named).Name() + "@" + digested.Digest().String(), nil
	}
	return reference.TagNameOnly(named).String(), nil
}

// familiar is the short form that people see.
func familiar(name string) string {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return name
	}
	return reference.FamiliarString(named)
}

// repository is a name without its tag or digest.
func repository(name string) string {
	if repo, _, ok := strings.Cut(name, "@"); ok {
		return repo
	}
	return name[:strings.LastIndexByte(name, ':')]
}

// isDigest says whether a normal name ends in a digest.
func isDigest(name string) bool { return strings.Contains(name, "@") }

// find is the image that ref means: a whole id, a name, or the beginning of
// an id, in this order.
func (x index) find(ref string) (v1.Hash, error) {
	if id, ok := x.byDigest(ref); ok {
		return id, nil
	}
	name, err := normal(ref)
	if err != nil && !isHex(ref) {
		return v1.Hash{}, err
	}
	if id, ok := x.byName(name); ok && err == nil {
		return id, nil
	}
	return x.byPrefix(strings.TrimPrefix(ref, "sha256:"), missing(ref, name))
}

// missing is Docker's sentence for an image that is not here.
func missing(ref, name string) error {
	if name == "" {
		return notFound("No such image: " + ref)
	}
	return notFound("No such image: " + familiar(name))
}

// byDigest knows the image by its whole id, or by its manifest's digest.
func (x index) byDigest(ref string) (v1.Hash, bool) {
	if len(ref) == 64 && isHex(ref) {
		ref = "sha256:" + ref
	}
	h, err := v1.NewHash(ref)
	if err != nil {
		return v1.Hash{}, false
	}
	if _, ok := x.images[h]; ok {
		return h, true
	}
	for id, r := range x.images {
		if r.digest == h {
			return id, true
		}
	}
	return v1.Hash{}, false
}

// byName looks a normal name up. The digest of a manifest is right for every
// repository in which the image has a name.
func (x index) byName(name string) (v1.Hash, bool) {
	if id, ok := x.names[name]; ok {
		return id, true
	}
	repo, digest, ok := strings.Cut(name, "@")
	if !ok {
		return v1.Hash{}, false
	}
	for other, id := range x.names {
		if x.images[id].digest.String() == digest && repository(other) == repo {
			return id, true
		}
	}
	return v1.Hash{}, false
}

// byPrefix finds the only id that begins like that.
func (x index) byPrefix(prefix string, none error) (v1.Hash, error) {
	if !isHex(prefix) {
		return v1.Hash{}, none
	}
	var found v1.Hash
	for id := range x.images {
		if !strings.HasPrefix(id.Hex, prefix) {
			continue
		}
		if found.Hex != "" {
			return v1.Hash{}, notFound(fmt.Sprintf("ambiguous reference: %s begins several image ids", prefix))
		}
		found = id
	}
	if found.Hex == "" {
		return v1.Hash{}, none
	}
	return found, nil
}

// isHex says whether s could be part of an id.
func isHex(s string) bool { return s != "" && strings.Trim(s, "0123456789abcdef") == "" }
