package daemon

import (
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"

	"drydock/01-namespaces/capability"
)

// A guard is what --security-opt asks for.
type guard struct {
	unconfined      bool   // no seccomp filter
	profile         string // a seccomp profile instead of the default, as JSON
	noNewPrivileges bool
}

// security reads --security-opt. Options of systems that we do not drive are
// accepted only where they ask for nothing.
func security(options []string) (guard, error) {
	var g guard
	for _, option := range options {
		name, value, hasValue := strings.Cut(option, "=")
		if !hasValue {
			name, value, hasValue = strings.Cut(option, ":")
		}
		switch {
		case name == "no-new-privileges" && (!hasValue || value == "true"):
			g.noNewPrivileges = true
		case name == "no-new-privileges" && value == "false":
		case name == "seccomp" && value == "unconfined":
			g.unconfined = true
		case name == "seccomp" && value == "builtin":
		case name == "seccomp" && strings.HasPrefix(strings.TrimSpace(value), "{"):
			g.profile = value
		case name == "apparmor" && value == "unconfined", name == "label" && value == "disable":
		case name == "systempaths" && value == "unconfined":
		default:
			return g, invalid("invalid --security-opt: %q is not supported", option)
		}
	}
	return g, nil
}

// capabilities are what is left to the container's root: Docker's fourteen,
// or all, plus what was added, less what was dropped.
func capabilities(h *container.HostConfig) (capability.Set, error) {
	add, err := capability.Parse(h.CapAdd)
	if err != nil {
		return 0, invalid("invalid CapAdd: %s", err)
	}
	drop, err := capability.Parse(h.CapDrop)
	if err != nil {
		return 0, invalid("invalid CapDrop: %s", err)
	}
	isAll := func(name string) bool { return strings.EqualFold(name, "ALL") }
	switch {
	case h.Privileged:
		return capability.All(), nil
	case slices.ContainsFunc(h.CapDrop, isAll):
		return add, nil
	default:
		return capability.Default()&^drop | add&^drop, nil
	}
}
