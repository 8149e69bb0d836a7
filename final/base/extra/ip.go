package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// ip shows the interfaces and routes of this network namespace in the form of
// iproute2. It changes nothing.
func ip(args []string) error {
	what := "addr"
	for _, arg := range args {
		if !strings.HasPrefix(arg, "-") {
			what = arg
			break
		}
	}
	switch what {
	case "a", "addr", "address", "l", "link":
		return links(what[0] == 'a')
	case "r", "route":
		return routes()
	}
	return errors.New("usage: ip addr | link | route")
}

// links prints the interfaces.
func links(addresses bool) error {
	all, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, link := range all {
		flags := strings.ToUpper(strings.ReplaceAll(link.Flags.String(), "|", ","))
		fmt.Printf("%d: %s: <%s> mtu %d\n", link.Index, link.Name, flags, link.MTU)
		kind, mac := "ether", link.HardwareAddr.String()
		if link.Flags&net.FlagLoopback != 0 {
			kind, mac = "loopback", "00:00:00:00:00:00"
		}
		fmt.Printf("    link/%s %s\n", kind, mac)
		if !addresses {
			continue
		}
		own, err := link.Addrs()
		if err != nil {
			return fmt.Errorf("addresses of %s: %w", link.Name, err)
		}
		for _, address := range own {
			family := "inet"
			if strings.Contains(address.String(), ":") {
				family = "inet6"
			}
			fmt.Printf("    %s %s\n", family, address)
		}
	}
	return nil
}

// routes prints the kernel's IPv4 table. See proc_pid_net(5): addresses there
// are hexadecimal in the byte order of the machine.
func routes() error {
	text, err := os.ReadFile("/proc/net/route")
	if err != nil {
		return err
	}
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		f := strings.Fields(line)
		if i == 0 || len(f) < 8 {
			continue
		}
		fmt.Println(route(f[0], address(f[1]), address(f[2]), address(f[7])))
	}
	return nil
}

// route writes one route.
func route(device string, to, via, mask net.IP) string {
	ones, _ := net.IPMask(mask.To4()).Size()
	text := fmt.Sprintf("%s/%d", to, ones)
	if ones == 0 {
		text = "default"
	}
	if !via.IsUnspecified() {
		text += " via " + via.String()
	}
	return text + " dev " + device
}

// address reads an address of /proc/net/route.
func address(text string) net.IP {
	n, _ := strconv.ParseUint(text, 16, 32)
	b := make([]byte, 4)
	binary.NativeEndian.PutUint32(b, uint32(n))
	return b
}
