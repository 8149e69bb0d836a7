package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/network"

	"drydock/06-networking/bridge"
	"drydock/07-daemon/daemon"
)

// Predefined says whether a network is always there and cannot be removed.
func Predefined(name string) bool {
	return slices.Contains([]string{"bridge", "host", "none"}, name)
}

// AllNetworks are chapter 6's bridges, and "host" and "none", which are no
// networks at all but have names, with the containers on each.
func (e *Engine) AllNetworks() []network.Inspect {
	var all []network.Inspect
	if e.Networks != nil {
		for _, n := range e.Networks.List() {
			all = append(all, bridged(n))
		}
	}
	all = append(all, e.plain("host", "host"), e.plain("none", "null"))
	byName := map[string]map[string]network.EndpointResource{}
	for i := range all {
		all[i].Containers = map[string]network.EndpointResource{}
		byName[all[i].Name] = all[i].Containers
	}
	running, err := e.Containers.List(daemon.ListOptions{})
	if err != nil {
		return all
	}
	for _, c := range running {
		if c.NetworkSettings == nil {
			continue
		}
		for name, at := range c.NetworkSettings.Networks {
			if members := byName[name]; members != nil {
				members[c.ID] = member(strings.TrimPrefix(c.Names[0], "/"), at)
			}
		}
	}
	return all
}

// Network finds one by name, id or unique prefix of an id.
func (e *Engine) Network(ref string) (network.Inspect, error) {
	var found []network.Inspect
	for _, n := range e.AllNetworks() {
		if n.Name == ref || n.ID == ref {
			return n, nil
		}
		if strings.HasPrefix(n.ID, ref) {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 0:
		return network.Inspect{}, errdefs.ErrNotFound.WithMessage("network " + ref + " not found")
	case 1:
		return found[0], nil
	}
	return network.Inspect{}, errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("network %s is ambiguous (%d matches found based on ID prefix)", ref, len(found)))
}

// CreateNetwork makes a bridge of one's own.
func (e *Engine) CreateNetwork(r network.CreateRequest) (bridge.Network, error) {
	switch {
	case r.Name == "":
		return bridge.Network{}, errdefs.ErrInvalidArgument.WithMessage("network name cannot be empty")
	case Predefined(r.Name):
		return bridge.Network{}, errdefs.ErrPermissionDenied.WithMessage("operation is not permitted on predefined " + r.Name + " network ")
	case r.Driver != "" && r.Driver != "bridge" && r.Driver != "default":
		return bridge.Network{}, errdefs.ErrNotFound.WithMessage(fmt.Sprintf("could not find plugin %s in v1 plugin registry: plugin not found", r.Driver))
	case e.Networks == nil:
		return bridge.Network{}, errdefs.ErrInvalidArgument.WithMessage("this engine runs with --bridge none and has no networks")
	case r.EnableIPv6 != nil && *r.EnableIPv6:
		return bridge.Network{}, errdefs.ErrInvalidArgument.WithMessage("IPv6 networks are not supported yet")
	}
	n := bridge.Network{Name: r.Name, Internal: r.Internal, Labels: r.Labels, Options: r.Options, Bridge: r.Options["com.docker.network.bridge.name"]}
	if r.IPAM != nil && len(r.IPAM.Config) > 0 {
		n.Subnet, n.Gateway = r.IPAM.Config[0].Subnet, r.IPAM.Config[0].Gateway
	}
	made, err := e.Networks.Create(n)
	return made, Classify(err)
}

// bridged is chapter 6's network in the words of the API.
func bridged(n bridge.Network) network.Inspect {
	options := n.Options
	if options == nil {
		options = map[string]string{}
	}
	if n.Name == bridge.Default {
		options = map[string]string{
			"com.docker.network.bridge.default_bridge":       "true",
			"com.docker.network.bridge.enable_icc":           "true",
			"com.docker.network.bridge.enable_ip_masquerade": "true",
			"com.docker.network.bridge.host_binding_ipv4":    "0.0.0.0",
			"com.docker.network.bridge.name":                 n.Bridge,
			"com.docker.network.driver.mtu":                  "1500",
		}
	}
	labels := n.Labels
	if labels == nil {
		labels = map[string]string{}
	}
	return network.Inspect{Network: network.Network{
		Name:       n.Name,
		ID:         n.ID,
		Created:    n.Created,
		Scope:      "local",
		Driver:     "bridge",
		EnableIPv4: true,
		IPAM:       network.IPAM{Driver: "default", Config: []network.IPAMConfig{{Subnet: n.Subnet, Gateway: n.Gateway}}},
		Internal:   n.Internal,
		Options:    options,
		Labels:     labels,
	}}
}

// plain is a network that is only a name.
func (e *Engine) plain(name, driver string) network.Inspect {
	sum := sha256.Sum256([]byte(e.id + name))
	return network.Inspect{Network: network.Network{
		Name:       name,
		ID:         hex.EncodeToString(sum[:]),
		Created:    e.since,
		Scope:      "local",
		Driver:     driver,
		EnableIPv4: true,
		IPAM:       network.IPAM{Driver: "default", Config: []network.IPAMConfig{}},
		Options:    map[string]string{},
		Labels:     map[string]string{},
	}}
}

// member is a container on a network.
func member(name string, at *network.EndpointSettings) network.EndpointResource {
	r := network.EndpointResource{Name: name, EndpointID: at.EndpointID, MacAddress: at.MacAddress}
	if at.IPAddress.IsValid() {
		r.IPv4Address = netip.PrefixFrom(at.IPAddress, at.IPPrefixLen)
	}
	return r
}
