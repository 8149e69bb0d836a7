package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/moby/api/types/registry"

	"drydock/04-images/image"
	"drydock/05-registry/auth"
	"drydock/07-daemon/daemon"
)

// A ConfigFile is the config of an image, the blob whose digest is its id.
type ConfigFile = v1.ConfigFile

// Machine is the platform that images are chosen for unless another is asked
// for.
func Machine() v1.Platform {
	p := v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	if p.Architecture == "arm64" {
		p.Variant = "v8"
	}
	return p
}

// images is chapter 4's store as chapter 7 wants it.
type images struct{ *image.Store }

// Get finds an image by reference or id.
func (s images) Get(ref string) (daemon.Image, error) {
	img, err := s.Store.Get(ref)
	if err != nil {
		return daemon.Image{}, Classify(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		return daemon.Image{}, fmt.Errorf("read the config of %s: %w", ref, err)
	}
	return daemon.Image{ID: img.ID.String(), Config: ContainerConfig(file.Config)}, nil
}

// Unpack makes sure that the tree of image id is there.
func (s images) Unpack(ctx context.Context, id string) (string, error) {
	img, err := s.Store.Get(id)
	if err != nil {
		return "", Classify(err)
	}
	return s.Store.Unpack(ctx, img)
}

// OCIConfig is the image's config in the words of Docker's API: the format's
// own fields and Docker's additions to them.
func OCIConfig(img *image.Image) (*dockerspec.DockerOCIImageConfig, error) {
	raw, err := img.RawConfigFile()
	if err != nil {
		return nil, err
	}
	var file dockerspec.DockerOCIImage
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("read the config of %s: %w", img.ID, err)
	}
	return &file.Config, nil
}

// Uses are the containers that were made from an image.
func (e *Engine) Uses(id string) []image.Use {
	var uses []image.Use
	for _, container := range e.Containers.UsedBy(id) {
		got, err := e.Containers.Inspect(container, false)
		uses = append(uses, image.Use{Container: container, Running: err == nil && got.State.Running})
	}
	return uses
}

// Login asks a registry whether the credentials are right.
func (e *Engine) Login(ctx context.Context, c registry.AuthConfig) (identityToken, status string, err error) {
	cred := auth.Credentials{Username: c.Username, Password: c.Password, IdentityToken: c.IdentityToken, RegistryToken: c.RegistryToken}
	return e.Registry.Login(ctx, c.ServerAddress, cred)
}
