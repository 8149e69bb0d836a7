package routes

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	types "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/volume"

	"drydock/07-daemon/api"
	"drydock/final/engine"
)

// A usage answers `docker system df` as API 1.51 wrote it; a list that was
// not asked for is null.
type usage struct {
	LayersSize int64
	Images     []types.Summary
	Containers []container.Summary
	Volumes    []volume.Volume
	BuildCache []struct{}
}

// diskUsage is `docker system df`.
func diskUsage(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	kinds := r.URL.Query()["type"]
	for _, kind := range kinds {
		if !slices.Contains([]string{"container", "image", "volume", "build-cache"}, kind) {
			return errdefs.ErrInvalidArgument.WithMessage("unknown object type: " + kind)
		}
	}
	wanted := func(kind string) bool { return len(kinds) == 0 || slices.Contains(kinds, kind) }
	var answer usage
	var err error
	if wanted("image") {
		answer.LayersSize = e.LayersSize()
		if answer.Images, err = imageUsage(e); err != nil {
			return err
		}
	}
	if wanted("container") {
		if answer.Containers, err = e.ContainersOnDisk(); err != nil {
			return err
		}
	}
	if wanted("volume") {
		answer.Volumes = volumeUsage(e)
	}
	if wanted("build-cache") {
		answer.BuildCache = []struct{}{}
	}
	return api.WriteJSON(w, http.StatusOK, answer)
}

// imageUsage are the images with what they share and who uses them.
func imageUsage(e *engine.Engine) ([]types.Summary, error) {
	all, err := e.Images.List()
	if err != nil {
		return nil, err
	}
	shared, err := e.SharedSizes()
	if err != nil {
		return nil, err
	}
	list := []types.Summary{}
	for _, img := range all {
		file, err := img.ConfigFile()
		if err != nil {
			return nil, fmt.Errorf("read the config of %s: %w", img.ID, err)
		}
		one := summary(img, file)
		one.SharedSize, one.Containers = shared[one.ID], int64(len(e.Containers.UsedBy(one.ID)))
		list = append(list, one)
	}
	return list, nil
}

func volumeUsage(e *engine.Engine) []volume.Volume {
	list := []volume.Volume{}
	for _, v := range e.Volumes.List() {
		one := shown(v)
		size, err := e.Volumes.Usage(v.Name)
		if err != nil {
			size = -1 // unknown, as Docker says it
		}
		one.UsageData = &volume.UsageData{RefCount: int64(len(e.Volumes.Users(v.Name))), Size: size}
		list = append(list, one)
	}
	return list
}
