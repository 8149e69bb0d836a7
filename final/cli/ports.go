package cli

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/network"
)

// ports reads -p and --expose: "[[ip:][host]:]container[/protocol]", both
// ports may be ranges.
func ports(publish, expose []string) (network.PortSet, network.PortMap, error) {
	set, bindings := network.PortSet{}, network.PortMap{}
	for _, text := range expose {
		r, err := network.ParsePortRange(text)
		if err != nil {
			return nil, nil, fmt.Errorf("invalid range format for --expose: %s, error: %w", text, err)
		}
		for port := range r.All() {
			set[port] = struct{}{}
		}
	}
	for _, text := range publish {
		if err := publishOne(text, set, bindings); err != nil {
			return nil, nil, err
		}
	}
	return set, bindings, nil
}

func publishOne(text string, set network.PortSet, bindings network.PortMap) error {
	ip, host, inside, err := splitPort(text)
	if err != nil {
		return err
	}
	number, proto, _ := strings.Cut(inside, "/")
	if !slices.Contains([]string{"", "tcp", "udp", "sctp"}, strings.ToLower(proto)) {
		return fmt.Errorf("invalid proto: %s", proto)
	}
	r, err := network.ParsePortRange(strings.ToLower(inside))
	if err != nil {
		return fmt.Errorf("invalid containerPort: %s", number)
	}
	first, last, err := hostRange(host)
	if err != nil {
		return err
	}
	count := int(r.End()) - int(r.Start())
	if host != "" && last-first != count && count != 0 {
		return fmt.Errorf("invalid ranges specified for container and host Ports: %s and %s", number, host)
	}
	i := 0
	for port := range r.All() {
		binding := network.PortBinding{HostIP: ip}
		switch {
		case host != "" && count == 0 && last > first:
			binding.HostPort = host // any free one of the range
		case host != "":
			binding.HostPort = strconv.Itoa(first + i)
		}
		set[port] = struct{}{}
		bindings[port] = append(bindings[port], binding)
		i++
	}
	return nil
}

// splitPort cuts "ip:host:container"; an IPv6 address stands in brackets.
func splitPort(text string) (ip netip.Addr, host, inside string, err error) {
	rest, address := text, ""
	if strings.HasPrefix(text, "[") {
		end := strings.Index(text, "]:")
		if end < 0 {
			return ip, "", "", fmt.Errorf("invalid IP address: %s", text)
		}
		address, rest = text[1:end], text[end+2:]
	}
	parts := strings.Split(rest, ":")
	inside = parts[len(parts)-1]
	switch {
	case len(parts) == 2:
		host = parts[0]
	case len(parts) == 3 && address == "":
		address, host = parts[0], parts[1]
	case len(parts) > 2:
		return ip, "", "", fmt.Errorf("invalid publish opts format (should be name=value but got '%s')", text)
	}
	if inside == "" {
		return ip, "", "", fmt.Errorf("no port specified: %s<empty>", text)
	}
	if address != "" {
		if ip, err = netip.ParseAddr(address); err != nil {
			return ip, "", "", fmt.Errorf("invalid IP address: %s", address)
		}
	}
	return ip, host, inside, nil
}

func hostRange(host string) (first, last int, err error) {
	if host == "" {
		return 0, 0, nil
	}
	low, high, has := strings.Cut(host, "-")
	if !has {
		high = low
	}
	a, errA := strconv.ParseUint(low, 10, 16)
	b, errB := strconv.ParseUint(high, 10, 16)
	if errA != nil || errB != nil || b < a {
		return 0, 0, fmt.Errorf("invalid hostPort: %s", host)
	}
	return int(a), int(b), nil
}
