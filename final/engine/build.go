package engine

import (
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/containerd/errdefs"
)

// ImportConfig applies Dockerfile instructions to an empty config.
func ImportConfig(changes []string) (v1.Config, error) {
	if len(changes) > 0 {
		return v1.Config{}, errdefs.ErrNotImplemented.WithMessage("import with changes")
	}
	return v1.Config{}, nil
}
