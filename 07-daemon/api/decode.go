package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
)

// An object is JSON of which only some fields are looked at.
type object map[string]json.RawMessage

// readCreate reads a create request. Docker's older engines took fields apart
// that the types of today refuse while decoding (a range as an exposed port, a
// word as an address); they are put right or refused in Docker's words first.
func readCreate(r *http.Request) (container.CreateRequest, error) {
	var request container.CreateRequest
	var raw object
	if err := ReadJSON(r, &raw); err != nil {
		return request, err
	}
	if len(raw) == 0 {
		return request, errdefs.ErrInvalidArgument.WithMessage("config cannot be empty in order to create a container")
	}
	if err := tolerate(raw); err != nil {
		return request, err
	}
	text, err := json.Marshal(raw)
	if err != nil {
		return request, err
	}
	if err := json.Unmarshal(text, &request); err != nil {
		return request, errdefs.ErrInvalidArgument.WithMessage("invalid JSON: " + err.Error())
	}
	return request, nil
}

func tolerate(raw object) error {
	if err := within(raw, "HostConfig", func(host object) error {
		if err := within(host, "PortBindings", checkBindings); err != nil {
			return err
		}
		return checkAddresses(host["Dns"])
	}); err != nil {
		return err
	}
	if err := words(raw, "Cmd"); err != nil {
		return err
	}
	if err := words(raw, "Entrypoint"); err != nil {
		return err
	}
	if err := within(raw, "ExposedPorts", expandPorts); err != nil {
		return err
	}
	return legacyMAC(raw)
}

// within looks at a field that is an object, and writes it back; null and
// missing are left alone.
func within(parent object, field string, fn func(object) error) error {
	text := parent[field]
	if len(text) == 0 || string(text) == "null" {
		return nil
	}
	var child object
	if err := json.Unmarshal(text, &child); err != nil {
		return errdefs.ErrInvalidArgument.WithMessage("invalid JSON: " + err.Error())
	}
	if err := fn(child); err != nil {
		return err
	}
	changed, err := json.Marshal(child)
	parent[field] = changed
	return err
}

// words makes a list of a command that is a single string.
func words(raw object, field string) error {
	var one string
	if json.Unmarshal(raw[field], &one) != nil || one == "" {
		return nil
	}
	text, err := json.Marshal([]string{one})
	raw[field] = text
	return err
}

// expandPorts turns "8000-8002/tcp" into three ports.
func expandPorts(ports object) error {
	for spec := range ports {
		r, err := network.ParsePortRange(spec)
		if err != nil {
			return errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("invalid port specification: %q", spec))
		}
		if r.Start() == r.End() {
			continue
		}
		delete(ports, spec)
		for p := range r.All() {
			ports[p.String()] = json.RawMessage("{}")
		}
	}
	return nil
}

// checkBindings tells of ports and addresses that cannot be published.
func checkBindings(bindings object) error {
	for spec, text := range bindings {
		if _, err := network.ParsePort(spec); err != nil {
			return errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("invalid port specification: %q", spec))
		}
		var list []struct{ HostIp, HostPort string } //nolint:revive // the name on the wire
		if err := json.Unmarshal(text, &list); err != nil {
			return errdefs.ErrInvalidArgument.WithMessage("invalid JSON: " + err.Error())
		}
		for _, b := range list {
			if _, err := netip.ParseAddr(b.HostIp); b.HostIp != "" && err != nil {
				return errdefs.ErrInvalidArgument.WithMessage("invalid IP address: " + b.HostIp)
			}
			if _, err := network.ParsePortRange(b.HostPort); b.HostPort != "" && err != nil {
				return errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("invalid port specification: %q", b.HostPort))
			}
		}
	}
	return nil
}

func checkAddresses(text json.RawMessage) error {
	var list []string
	if json.Unmarshal(text, &list) != nil {
		return nil
	}
	for _, a := range list {
		if _, err := netip.ParseAddr(strings.TrimSpace(a)); err != nil {
			return errdefs.ErrInvalidArgument.WithMessage("bad IP address: " + a)
		}
	}
	return nil
}

// legacyMAC moves the MAC address of older clients to where it is read today:
// the endpoint of the container's network.
func legacyMAC(raw object) error {
	var mac string
	if json.Unmarshal(raw["MacAddress"], &mac) != nil || mac == "" {
		return nil
	}
	var host struct{ NetworkMode string }
	json.Unmarshal(raw["HostConfig"], &host)
	if host.NetworkMode == "" || host.NetworkMode == "default" {
		host.NetworkMode = "bridge"
	}
	if len(raw["NetworkingConfig"]) == 0 || string(raw["NetworkingConfig"]) == "null" {
		raw["NetworkingConfig"] = json.RawMessage("{}")
	}
	return within(raw, "NetworkingConfig", func(n object) error {
		if len(n["EndpointsConfig"]) == 0 || string(n["EndpointsConfig"]) == "null" {
			n["EndpointsConfig"] = json.RawMessage("{}")
		}
		return within(n, "EndpointsConfig", func(endpoints object) error {
			if len(endpoints[host.NetworkMode]) == 0 || string(endpoints[host.NetworkMode]) == "null" {
				endpoints[host.NetworkMode] = json.RawMessage("{}")
			}
			return within(endpoints, host.NetworkMode, func(e object) error {
				if _, ok := e["MacAddress"]; !ok {
					e["MacAddress"] = raw["MacAddress"]
				}
				return nil
			})
		})
	})
}
