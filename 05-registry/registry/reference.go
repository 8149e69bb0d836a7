package registry

import (
	"fmt"

	"github.com/distribution/reference"
)

// A Reference is a normalised name: registry host, repository, tag or digest.
type Reference struct{ Host, Repository, Tag, Digest string }

// hub is Docker Hub's name in references; hubHost is where it answers.
const (
	hub     = "docker.io"
	hubHost = "registry-1.docker.io"
)

// ParseReference reads what a user types, by Docker's rules: "busybox" is
// docker.io/library/busybox:latest. A name with a digest needs no tag.
func ParseReference(s string) (Reference, error) {
	named, err := reference.ParseNormalizedNamed(s)
	if err != nil {
		return Reference{}, err
	}
	r := Reference{Host: reference.Domain(named), Repository: reference.Path(named)}
	if tagged, ok := named.(reference.Tagged); ok {
		r.Tag = tagged.Tag()
	}
	if digested, ok := named.(reference.Digested); ok {
		r.Digest = digested.Digest().String()
	}
	if r.Tag == "" && r.Digest == "" {
		r.Tag = "latest"
	}
	return r, nil
}

// String is the full name: "docker.io/library/busybox:latest".
func (r Reference) String() string { return r.Host + "/" + r.Repository + r.suffix() }

// Familiar is the name as Docker shows it: "busybox:latest".
func (r Reference) Familiar() string { return r.Name() + r.suffix() }

// Name is the familiar name without tag and digest: "busybox".
func (r Reference) Name() string {
	named, err := reference.WithName(r.Host + "/" + r.Repository)
	if err != nil {
		return r.Host + "/" + r.Repository
	}
	return reference.FamiliarName(named)
}

func (r Reference) suffix() string {
	s := ""
	if r.Tag != "" {
		s = ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest
	}
	return s
}

// target is what a manifest is asked for by: of tag and digest, the digest.
func (r Reference) target() string {
	if r.Digest != "" {
		return r.Digest
	}
	return r.Tag
}

// scope is what a token must allow for actions on the repository.
func (r Reference) scope(actions string) string {
	return fmt.Sprintf("repository:%s:%s", r.Repository, actions)
}
