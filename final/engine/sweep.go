package engine

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/moby/moby/api/types/mount"

	"drydock/07-daemon/daemon"
)

// isContainer tells the trees of containers from those of images and builds,
// which look after their own.
var isContainer = regexp.MustCompile(`^[0-9a-f]{64}$`)

// settle does for all containers what no record of a single one can tell:
// their volumes are in use again, and a tree whose container was never written
// down, because the daemon died before that, goes.
func (e *Engine) settle() error {
	all, err := e.Containers.List(daemon.ListOptions{All: true})
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, c := range all {
		known[c.ID] = true
		for _, m := range c.Mounts {
			if m.Type != mount.TypeVolume {
				continue
			}
			if _, err := e.Volumes.Use(m.Name, c.ID); err != nil {
				e.config.Logger.Warn("a container has lost a volume", "container", c.ID, "volume", m.Name, "error", err)
			}
		}
	}
	var errs []error
	for _, key := range e.Snapshots.Names(false) {
		if isContainer.MatchString(key) && !known[key] {
			errs = append(errs, e.Snapshots.Remove(key))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove what a crash has left: %w", err)
	}
	return nil
}
