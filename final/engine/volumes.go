package engine

import (
	"drydock/03-overlayfs/volume"
	"drydock/07-daemon/daemon"
)

// volumes is chapter 3's store as chapter 7 wants it.
type volumes struct{ *volume.Store }

// Use finds or makes the volume and marks it as used by the container.
func (v volumes) Use(want daemon.Volume, container string) (daemon.Volume, error) {
	made, err := v.Store.Create(volume.Volume{
		Name:      want.Name,
		Labels:    want.Labels,
		Options:   want.Options,
		Anonymous: want.Name == "",
	})
	if err != nil {
		return daemon.Volume{}, Classify(err)
	}
	made, err = v.Store.Use(made.Name, container)
	if err != nil {
		return daemon.Volume{}, err
	}
	used := daemon.Volume{
		Name:      made.Name,
		Path:      made.Path,
		Anonymous: made.Anonymous,
		Labels:    made.Labels,
		Driver:    "local",
		Options:   made.Options,
	}
	if len(made.Options) > 0 { // they may name a tmpfs, or a share of another machine
		used.Mount = made.Mount("")
	}
	return used, nil
}
