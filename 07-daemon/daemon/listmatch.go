package daemon

import (
	"regexp"
	"strings"

	"github.com/moby/moby/api/types/network"
)

// matchName matches a name, with or without the slash, by regular expression
// as Docker does; what is none matches as a part.
func matchName(name, want string) bool {
	re, err := regexp.Compile(want)
	if err != nil {
		return strings.Contains(name, want)
	}
	return re.MatchString(name) || re.MatchString("/"+name)
}

// isAncestor compares an image by id, by the name that the container was
// created with, and by that name without its tag.
func isAncestor(r *record, want string) bool {
	id := strings.TrimPrefix(r.Image, "sha256:")
	short := strings.TrimPrefix(want, "sha256:")
	return r.Config.Image == want || strings.TrimSuffix(r.Config.Image, ":latest") == strings.TrimSuffix(want, ":latest") ||
		len(short) >= 4 && strings.HasPrefix(id, short)
}

// inRange reads "80", "80/udp" or "8000-8080" and says whether port is one.
func inRange(port uint16, protocol, want string) bool {
	r, err := network.ParsePortRange(want)
	return err == nil && r.Start() <= port && port <= r.End() &&
		(!strings.Contains(want, "/") || string(r.Proto()) == protocol)
}

// published says whether a port of the host that want names leads to the
// container.
func published(r *record, want string) bool {
	for _, lease := range r.State.Leases {
		for _, p := range lease.Ports {
			if inRange(p.HostPort, p.Protocol, want) || inRange(p.ContainerPort, p.Protocol, want) {
				return true
			}
		}
	}
	return false
}

func exposed(r *record, want string) bool {
	for port := range r.Config.ExposedPorts {
		if inRange(port.Num(), string(port.Proto()), want) {
			return true
		}
	}
	return false
}
