package daemon

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
)

// A place is one mount that a user asked for, before the volumes exist.
type place struct {
	container.MountPoint
	anonymous bool
	copyUp    bool // fill an empty volume with what the image has there
	create    bool // make a missing source directory
	labels    map[string]string
	options   map[string]string
}

// volumeName is what may stand before the colon of -v and is no path.
var volumeName = regexp.MustCompile(`^` + nameRule + `+$`)

// places collects the mounts of a container from everything that may ask for
// one, ordered so that a mount comes after those that it lies in.
func places(c *container.Config, h *container.HostConfig) ([]place, error) {
	var all []place
	for _, bind := range h.Binds {
		p, err := parseBind(bind)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	for _, m := range h.Mounts {
		p, err := fromMount(m)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	for target := range h.Tmpfs {
		all = append(all, place{MountPoint: container.MountPoint{Type: mount.TypeTmpfs, Destination: path.Clean(target), RW: true}})
	}
	if err := checkTargets(all); err != nil {
		return nil, err
	}
	all = append(all, anonymous(c, all)...)
	slices.SortStableFunc(all, func(a, b place) int { return strings.Compare(a.Destination, b.Destination) })
	return all, nil
}

// anonymous are the volumes that the image (or -v /path) declares and that
// nothing else covers.
func anonymous(c *container.Config, taken []place) []place {
	var all []place
	for target := range c.Volumes {
		target = path.Clean(target)
		if !slices.ContainsFunc(taken, func(p place) bool { return p.Destination == target }) {
			all = append(all, place{MountPoint: volumePoint("", target), anonymous: true, copyUp: true})
		}
	}
	return all
}

func volumePoint(name, target string) container.MountPoint {
	return container.MountPoint{Type: mount.TypeVolume, Name: name, Destination: target, Driver: "local", RW: true}
}

func checkTargets(all []place) error {
	seen := map[string]bool{}
	for _, p := range all {
		switch {
		case !path.IsAbs(p.Destination):
			return invalid("invalid mount path: '%s' mount path must be absolute", p.Destination)
		case p.Destination == "/":
			return invalid("invalid specification: destination can't be '/'")
		case seen[p.Destination]:
			return invalid("Duplicate mount point: %s", p.Destination)
		}
		seen[p.Destination] = true
	}
	return nil
}

// parseBind reads SOURCE:TARGET[:MODE], where SOURCE is a path or the name of
// a volume.
func parseBind(text string) (place, error) {
	parts := strings.Split(text, ":")
	if len(parts) > 3 || slices.Contains(parts, "") {
		return place{}, invalid("invalid volume specification: '%s'", text)
	}
	if len(parts) == 1 {
		return place{MountPoint: volumePoint("", path.Clean(parts[0])), anonymous: true, copyUp: true}, nil
	}
	source, target := parts[0], path.Clean(parts[1])
	var p place
	switch {
	case path.IsAbs(source):
		p = place{MountPoint: container.MountPoint{Type: mount.TypeBind, Source: path.Clean(source), Destination: target,
			RW: true, Propagation: mount.PropagationRPrivate}, create: true}
	case volumeName.MatchString(source):
		p = place{MountPoint: volumePoint(source, target), copyUp: true}
	default:
		return place{}, invalid("%q includes invalid characters for a local volume name, only %q are allowed. "+
			"If you intended to pass a host directory, use absolute path", source, nameRule)
	}
	if len(parts) == 3 {
		return withMode(p, parts[2])
	}
	return p, nil
}

// withMode applies the words behind the second colon.
func withMode(p place, mode string) (place, error) {
	p.Mode = mode
	for word := range strings.SplitSeq(mode, ",") {
		switch {
		case word == "ro":
			p.RW = false
		case word == "rw", word == "z", word == "Z": // labels mean nothing without SELinux
		case word == "nocopy" && p.Type == mount.TypeVolume:
			p.copyUp = false
		case slices.Contains(mount.Propagations, mount.Propagation(word)) && p.Type == mount.TypeBind:
			p.Propagation = mount.Propagation(word)
		default:
			return p, invalid("invalid mode: %s", mode)
		}
	}
	return p, nil
}

// fromMount reads one --mount.
func fromMount(m mount.Mount) (place, error) {
	p := place{MountPoint: container.MountPoint{Type: m.Type, Source: m.Source, Destination: path.Clean(m.Target), RW: !m.ReadOnly}}
	if m.Target == "" {
		return p, invalid("invalid mount config for type %q: field Target must not be empty", m.Type)
	}
	switch m.Type {
	case mount.TypeBind:
		return bindMount(p, m)
	case mount.TypeVolume:
		return volumeMount(p, m)
	case mount.TypeTmpfs:
		if m.Source != "" {
			return p, invalid("invalid mount config for type %q: field Source must not be specified", m.Type)
		}
		return p, nil
	default:
		return p, invalid("mount type %q is not supported", m.Type)
	}
}

func bindMount(p place, m mount.Mount) (place, error) {
	p.Propagation = mount.PropagationRPrivate
	switch o := m.BindOptions; {
	case m.Source == "":
		return p, invalid("invalid mount config for type %q: field Source must not be empty", m.Type)
	case !path.IsAbs(m.Source):
		return p, invalid("invalid mount config for type %q: invalid mount path: '%s' mount path must be absolute", m.Type, m.Source)
	case o != nil:
		p.create = o.CreateMountpoint
		if o.Propagation != "" {
			p.Propagation = o.Propagation
		}
		if !slices.Contains(mount.Propagations, p.Propagation) {
			return p, invalid("invalid mount config for type %q: invalid propagation mode: %s", m.Type, o.Propagation)
		}
	}
	return p, nil
}

func volumeMount(p place, m mount.Mount) (place, error) {
	p.Name, p.Source, p.Driver = m.Source, "", "local"
	p.anonymous, p.copyUp = m.Source == "", true
	if m.Source != "" && !volumeName.MatchString(m.Source) {
		return p, invalid("invalid mount config for type %q: %q includes invalid characters for a local volume name, only %q are allowed", m.Type, m.Source, nameRule)
	}
	o := m.VolumeOptions
	if o == nil {
		return p, nil
	}
	if o.Subpath != "" {
		return p, invalid("a subpath of a volume is not supported")
	}
	p.copyUp, p.labels = !o.NoCopy, o.Labels
	if o.DriverConfig != nil {
		p.options = o.DriverConfig.Options
		if o.DriverConfig.Name != "" && o.DriverConfig.Name != "local" {
			return p, invalid("the volume driver %s is not supported", o.DriverConfig.Name)
		}
	}
	return p, nil
}

func isVolume(p container.MountPoint) bool { return p.Type == mount.TypeVolume }
