package cli

import (
	"encoding/csv"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
)

// fields reads "key=value,key=value", quoted as in CSV, and tells each pair.
func fields(text string, tell func(key, value string, has bool) error) error {
	record, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return err
	}
	for _, field := range record {
		key, value, has := strings.Cut(field, "=")
		if err := tell(strings.ToLower(key), value, has); err != nil {
			return err
		}
	}
	return nil
}

// mountOf reads "type=bind,source=/a,target=/b,readonly".
func mountOf(text string) (mount.Mount, error) {
	m := mount.Mount{Type: mount.TypeVolume}
	err := fields(text, func(key, value string, has bool) error {
		if !has && key != "readonly" && key != "ro" && key != "volume-nocopy" && key != "bind-nonrecursive" {
			return fmt.Errorf("invalid field '%s' must be a key=value pair", key)
		}
		return mountField(&m, key, value, has)
	})
	switch {
	case err != nil:
		return m, err
	case m.Target == "":
		return m, errors.New("target is required")
	case m.VolumeOptions != nil && m.Type != mount.TypeVolume:
		return m, fmt.Errorf("cannot mix 'volume-*' options with mount type '%s'", m.Type)
	case m.BindOptions != nil && m.Type != mount.TypeBind:
		return m, fmt.Errorf("cannot mix 'bind-*' options with mount type '%s'", m.Type)
	case m.TmpfsOptions != nil && m.Type != mount.TypeTmpfs:
		return m, fmt.Errorf("cannot mix 'tmpfs-*' options with mount type '%s'", m.Type)
	}
	if m.Type == mount.TypeBind {
		m.Source = absolute(m.Source)
	}
	return m, nil
}

// mountField sets one field of m.
func mountField(m *mount.Mount, key, value string, has bool) (err error) {
	switch key {
	case "type":
		m.Type = mount.Type(strings.ToLower(value))
	case "source", "src":
		m.Source = value
	case "target", "dst", "destination":
		m.Target = value
	case "readonly", "ro":
		m.ReadOnly, err = truth(key, value, has)
	case "consistency":
		m.Consistency = mount.Consistency(strings.ToLower(value))
	case "bind-propagation":
		made(&m.BindOptions).Propagation = mount.Propagation(strings.ToLower(value))
	case "bind-nonrecursive":
		made(&m.BindOptions).NonRecursive, err = truth(key, value, has)
	case "volume-nocopy":
		made(&m.VolumeOptions).NoCopy, err = truth(key, value, has)
	case "volume-subpath":
		made(&m.VolumeOptions).Subpath = value
	case "volume-driver":
		made(&made(&m.VolumeOptions).DriverConfig).Name = value
	case "volume-label":
		label(&made(&m.VolumeOptions).Labels, value)
	case "volume-opt":
		label(&made(&made(&m.VolumeOptions).DriverConfig).Options, value)
	case "tmpfs-size":
		if made(&m.TmpfsOptions).SizeBytes, err = units.RAMInBytes(value); err != nil {
			return fmt.Errorf("invalid value for %s: %s", key, value)
		}
	case "tmpfs-mode":
		mode, err := strconv.ParseUint(value, 8, 32)
		if err != nil {
			return fmt.Errorf("invalid value for %s: %s", key, value)
		}
		made(&m.TmpfsOptions).Mode = os.FileMode(mode)
	default:
		return fmt.Errorf("unexpected key '%s' in '%s=%s'", key, key, value)
	}
	return err
}

// made is what p points to, made now if there is nothing yet.
func made[T any](p **T) *T {
	if *p == nil {
		*p = new(T)
	}
	return *p
}

// label adds "key=value" to a map that may be nil.
func label(m *map[string]string, text string) {
	if *m == nil {
		*m = map[string]string{}
	}
	key, value, _ := strings.Cut(text, "=")
	(*m)[key] = value
}

// truth reads the value of a field that means true when it stands alone.
func truth(key, value string, has bool) (bool, error) {
	if !has {
		return true, nil
	}
	yes, err := strconv.ParseBool(value)
	if err != nil {
		return false, fmt.Errorf("invalid value for %s: %s", key, value)
	}
	return yes, nil
}

// An attachment is one --network, and what is asked of it.
type attachment struct {
	name, ip, ip6, mac string
	aliases            []string
	options            map[string]string
	priority           int
}

// networkOf reads a network's name, or "name=NETWORK,alias=A,ip=IP".
func networkOf(text string) (a attachment, err error) {
	if !strings.Contains(text, "=") {
		return attachment{name: text}, nil
	}
	err = fields(text, func(key, value string, has bool) error {
		if !has {
			return fmt.Errorf("invalid field %s", key)
		}
		return a.set(strings.TrimSpace(key), strings.TrimSpace(value))
	})
	if err == nil && a.name == "" {
		err = errors.New("network name/id is not specified")
	}
	return a, err
}

func (a *attachment) set(key, value string) (err error) {
	switch key {
	case "name":
		a.name = value
	case "alias":
		a.aliases = append(a.aliases, value)
	case "ip":
		a.ip = value
	case "ip6":
		a.ip6 = value
	case "mac-address":
		a.mac = value
	case "driver-opt":
		label(&a.options, value)
	case "gw-priority":
		if a.priority, err = strconv.Atoi(value); err != nil {
			err = fmt.Errorf("invalid gw-priority: %s", value)
		}
	default:
		return fmt.Errorf("invalid field key %s", key)
	}
	return err
}

// endpoint is the attachment as the API wants it.
func (a attachment) endpoint() (*network.EndpointSettings, error) {
	e := &network.EndpointSettings{Aliases: a.aliases, DriverOpts: a.options, GwPriority: a.priority}
	for _, wanted := range []struct {
		text string
		set  func(netip.Addr)
	}{
		{a.ip, func(ip netip.Addr) { made(&e.IPAMConfig).IPv4Address = ip }},
		{a.ip6, func(ip netip.Addr) { made(&e.IPAMConfig).IPv6Address = ip }},
	} {
		if wanted.text == "" {
			continue
		}
		ip, err := netip.ParseAddr(wanted.text)
		if err != nil {
			return nil, fmt.Errorf("invalid IP address: %s", wanted.text)
		}
		wanted.set(ip)
	}
	if a.mac != "" && e.MacAddress.UnmarshalText([]byte(a.mac)) != nil {
		return nil, fmt.Errorf("%s is not a valid mac address", a.mac)
	}
	return e, nil
}
