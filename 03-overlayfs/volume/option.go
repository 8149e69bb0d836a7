package volume

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"drydock/01-namespaces/mount"
)

// checkOptions accepts what Docker's local driver does: type, device and o,
// as mount(8) has them, of which none goes without the first two.
func checkOptions(options map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(options)) {
		if name != "type" && name != "device" && name != "o" {
			return invalid(fmt.Sprintf("invalid option: %q", name))
		}
	}
	if len(options) == 0 {
		return nil
	}
	for _, name := range []string{"device", "type"} {
		if options[name] == "" {
			return invalid(fmt.Sprintf("missing required option: %q", name))
		}
	}
	if device, ok := (Volume{Options: options}).bind(); ok && !strings.HasPrefix(device, "/") {
		return invalid(fmt.Sprintf("device %q of a bind mount is not an absolute path", device))
	}
	return nil
}

// bind is the directory that the volume only points at, if it does.
func (v Volume) bind() (device string, ok bool) {
	words := v.words()
	return v.Options["device"], slices.Contains(words, "bind") || slices.Contains(words, "rbind")
}

// words are the mount options in o.
func (v Volume) words() []string {
	if v.Options["o"] == "" {
		return nil
	}
	return strings.Split(v.Options["o"], ",")
}

// Mount says how to mount the volume on target, for the list of mounts of a
// container: its directory, or what its options name. Nothing is mounted on
// the host, so nothing is left there either; two containers with a tmpfs
// volume have two of them.
func (v Volume) Mount(target string) mount.Mount {
	device, bind := v.bind()
	switch {
	case bind:
		isBind := func(word string) bool { return word == "bind" }
		return mount.Mount{Type: "bind", Source: device, Target: target, Options: slices.DeleteFunc(v.words(), isBind)}
	case device != "":
		return mount.Mount{Type: v.Options["type"], Source: device, Target: target, Options: v.words()}
	}
	return mount.Mount{Type: "bind", Source: v.Path, Target: target}
}
