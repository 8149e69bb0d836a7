package engine

import (
	"github.com/moby/moby/api/types/container"

	"drydock/07-daemon/daemon"
)

// LayersSize is what the trees of all images take on disk, each layer once.
func (e *Engine) LayersSize() int64 {
	var sum int64
	for _, name := range e.Snapshots.Names(true) {
		size, _ := e.Snapshots.Usage(name) // gone meanwhile: nothing
		sum += size
	}
	return sum
}

// ContainersOnDisk are all containers with what they have written.
func (e *Engine) ContainersOnDisk() ([]container.Summary, error) {
	return e.Containers.List(daemon.ListOptions{All: true, Size: true})
}

// SharedSizes tells, by image, how many bytes of its tree other images have,
// too.
func (e *Engine) SharedSizes() (map[string]int64, error) {
	all, err := e.Images.List()
	if err != nil {
		return nil, err
	}
	users := map[string]int{}
	for _, img := range all {
		for _, chain := range img.Chains() {
			users[chain.String()]++
		}
	}
	shared := map[string]int64{}
	for _, img := range all {
		for _, chain := range img.Chains() {
			if users[chain.String()] > 1 {
				size, _ := e.Snapshots.Usage(chain.String())
				shared[img.ID.String()] += size
			}
		}
	}
	return shared, nil
}
