package api

import (
	"slices"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// legacySettings are the fields that NetworkSettings had until API 1.52; every
// client that we speak to may read them.
type legacySettings struct {
	Bridge                 string
	HairpinMode            bool
	LinkLocalIPv6Address   string
	LinkLocalIPv6PrefixLen int
	SecondaryIPAddresses   []string
	SecondaryIPv6Addresses []string
	EndpointID             string
	Gateway                string
	GlobalIPv6Address      string
	GlobalIPv6PrefixLen    int
	IPAddress              string
	IPPrefixLen            int
	IPv6Gateway            string
	MacAddress             string

	*container.NetworkSettings
}

// legacyConfig has the field that moved to the endpoints in API 1.44.
type legacyConfig struct {
	*container.Config
	MacAddress string `json:",omitempty"`
	OnBuild    []string
}

// An inspected container is the current answer with the older fields in it.
// The outer field wins over the embedded one of the same name.
type inspected struct {
	container.InspectResponse
	Config          legacyConfig
	NetworkSettings legacySettings
}

// legacyInspect adds what newer versions of the API dropped.
func legacyInspect(now container.InspectResponse) inspected {
	old := inspected{InspectResponse: now, Config: legacyConfig{Config: now.Config}}
	if now.Config != nil {
		old.Config.OnBuild = now.Config.OnBuild
	}
	old.NetworkSettings.NetworkSettings = now.NetworkSettings
	if now.NetworkSettings == nil {
		return old
	}
	e := now.NetworkSettings.Networks["bridge"]
	if e == nil || !e.IPAddress.IsValid() {
		return old
	}
	fillLegacy(&old.NetworkSettings, e)
	return old
}

// shortAliases adds the short id to the aliases, where it stood before API
// 1.45: docker-compose 1.29 takes a container for disconnected without it.
func shortAliases(c container.InspectResponse) {
	if c.NetworkSettings == nil {
		return
	}
	for name, e := range c.NetworkSettings.Networks {
		if len(e.DNSNames) > 0 && name != "bridge" {
			e.Aliases = append(slices.Clone(e.Aliases), c.ID[:12])
		}
	}
}

func fillLegacy(s *legacySettings, e *network.EndpointSettings) {
	s.EndpointID, s.Gateway = e.EndpointID, address(e.Gateway)
	s.IPAddress, s.IPPrefixLen = address(e.IPAddress), e.IPPrefixLen
	s.MacAddress = e.MacAddress.String()
}

// address is the text of an address, empty for none.
func address(a interface {
	IsValid() bool
	String() string
}) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
