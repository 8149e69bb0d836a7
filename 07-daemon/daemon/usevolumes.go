package daemon

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/mount"
)

// useVolumes finds or makes the volumes of a new container, fills the empty
// ones from its image, and writes its mounts into the record.
func (d *Daemon) useVolumes(r *record) error {
	wanted, err := places(r.Config, r.HostConfig)
	if err != nil {
		return err
	}
	var fill []place
	for _, p := range wanted {
		if p.Type == "bind" {
			if err := checkSource(p); err != nil {
				return err
			}
		}
		if p.Type == "volume" {
			if err := d.useVolume(r, &p); err != nil {
				return err
			}
			if p.copyUp {
				fill = append(fill, p)
			}
		}
		r.Mounts = append(r.Mounts, p.MountPoint)
	}
	if len(fill) == 0 {
		return nil
	}
	return d.copyUp(r.ID, fill)
}

func checkSource(p place) error {
	_, err := os.Stat(p.Source)
	if err != nil && !p.create {
		return invalid("invalid mount config for type \"bind\": bind source path does not exist: %s", p.Source)
	}
	return nil
}

func (d *Daemon) useVolume(r *record, p *place) error {
	if d.config.Volumes == nil {
		return invalid("volumes are not supported by this daemon")
	}
	v, err := d.config.Volumes.Use(Volume{Name: p.Name, Anonymous: p.anonymous, Labels: p.labels, Driver: p.Driver, Options: p.options}, r.ID)
	if err != nil {
		return err
	}
	p.Name, p.Source = v.Name, v.Path
	if v.Mount.Type != "" {
		if r.Driven == nil {
			r.Driven = map[string]mount.Mount{}
		}
		r.Driven[v.Name] = v.Mount
	}
	if p.anonymous {
		r.Anonymous = append(r.Anonymous, v.Name)
	}
	return nil
}

// copyUp gives volumes what the image has where they will be mounted. The tree
// is mounted for that moment, out of sight, and every path in it is resolved
// inside: the image may hold links that point anywhere. See openat2(2).
func (d *Daemon) copyUp(id string, volumes []place) (err error) {
	m, err := d.config.Snapshots.Mount(id)
	if err != nil {
		return err
	}
	root, err := os.MkdirTemp(d.config.ExecRoot, "copy-")
	if err != nil {
		return fmt.Errorf("make a place to mount the image: %w", err)
	}
	m.Target = "/tree"
	if err := m.At(root); err != nil {
		return err
	}
	tree := filepath.Join(root, "tree")
	defer func() {
		// Nothing is deleted while the tree may still be mounted there.
		if err = errors.Join(err, mount.Unmount(tree)); err == nil {
			os.Remove(tree)
			os.Remove(root)
		}
	}()
	for _, p := range volumes {
		if err := d.fillVolume(tree, p); err != nil {
			return err
		}
	}
	return nil
}

func (d *Daemon) fillVolume(root string, p place) error {
	top, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the image: %w", err)
	}
	defer unix.Close(top)
	fd, err := unix.Openat2(top, p.Destination, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	})
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil // the image has nothing there
	}
	if err != nil {
		return fmt.Errorf("open %s of the image: %w", p.Destination, err)
	}
	defer unix.Close(fd)
	return d.config.Volumes.CopyUp(p.Name, fmt.Sprintf("/proc/self/fd/%d", fd))
}

// releaseVolumes ends the uses of a container; its anonymous volumes go too
// when the user said so.
func (d *Daemon) releaseVolumes(r *record, anonymous bool) error {
	if d.config.Volumes == nil || !slices.ContainsFunc(r.Mounts, isVolume) && len(r.Anonymous) == 0 {
		return nil
	}
	if _, err := d.config.Volumes.Release(r.ID); err != nil {
		return err
	}
	if !anonymous {
		return nil
	}
	var failures []error
	for _, name := range r.Anonymous {
		failures = append(failures, d.config.Volumes.Remove(name))
	}
	return errors.Join(failures...)
}
