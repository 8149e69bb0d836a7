package bridge

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/undo"
	"drydock/06-networking/firewall"
)

// ErrAllocated is the cause of a PortError when another container has the port.
var ErrAllocated = errors.New("port is already allocated")

// A PortError says why a host port cannot be had, in the words of Docker.
type PortError struct {
	Port Port
	Err  error
}

func (e *PortError) Error() string {
	at := netip.AddrPortFrom(e.Port.host(), e.Port.HostPort)
	if e.Err == ErrAllocated {
		return fmt.Sprintf("Bind for %s failed: %v", at, e.Err)
	}
	return fmt.Sprintf("failed to bind host port for %s/%s: %v", at, e.Port.Protocol, e.Err)
}

// Unwrap answers the cause: ErrAllocated, or what the kernel said.
func (e *PortError) Unwrap() error { return e.Err }

// host is the address to publish on, spelled out.
func (p Port) host() netip.Addr {
	if !p.HostIP.IsValid() {
		return netip.IPv4Unspecified()
	}
	return p.HostIP.Unmap()
}

// outside is the host's side of a port: what two containers cannot share.
func (p Port) outside() Port {
	return Port{HostIP: p.host(), HostPort: p.HostPort, Protocol: p.Protocol}
}

// Reserve binds the host ports of an endpoint without listening, so that
// "port is already allocated" is told before anything else happens. It picks
// the ephemeral ones. The files hold the ports until they are closed; the
// container's shim inherits them.
//
// Nothing ever arrives at these sockets: packets for the port are translated
// before the kernel looks for one. They are there for those who want to bind
// the same port later, and are refused.
func (d *Driver) Reserve(ports []Port) (_ []Port, _ []*os.File, err error) {
	var back undo.Stack
	defer back.If(&err)
	got := make([]Port, 0, len(ports))
	files := make([]*os.File, 0, len(ports))
	for _, p := range ports {
		f, number, err := bind(p)
		if err != nil {
			return nil, nil, d.explain(p, err)
		}
		p.HostPort = number
		d.mu.Lock()
		d.ports[p.outside()] = true
		d.mu.Unlock()
		back.Push(func() { d.unreserve(p, f) })
		got, files = append(got, p), append(files, f)
	}
	return got, files, nil
}

func (d *Driver) unreserve(p Port, f *os.File) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.ports, p.outside())
	f.Close()
}

// explain tells a container's port from one that a program of the host has:
// the kernel says the same for both.
func (d *Driver) explain(p Port, err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	wild := p.outside()
	wild.HostIP = netip.IPv4Unspecified()
	ours := d.ports[p.outside()] || d.ports[wild]
	for q := range d.ports { // only on the way to an error
		ours = ours || p.host().IsUnspecified() && q.HostPort == p.HostPort && q.Protocol == p.Protocol
	}
	if ours && errors.Is(err, unix.EADDRINUSE) {
		err = ErrAllocated
	}
	return &PortError{Port: p, Err: err}
}

// bind takes one port. It does so without SO_REUSEADDR, or another program
// that sets it, as servers do, could bind beside us and even listen. Only when
// that fails it is tried with: it may be that a server of before has left
// nothing but connections in TIME_WAIT. See socket(7), bind(2).
func bind(p Port) (*os.File, uint16, error) {
	kind, ok := kinds[p.Protocol]
	if !ok {
		return nil, 0, fmt.Errorf("unknown protocol %q", p.Protocol)
	}
	if !p.host().Is4() {
		return nil, 0, errors.New("only IPv4 addresses can be published on")
	}
	f, number, err := bindSocket(p, kind, 0)
	if errors.Is(err, unix.EADDRINUSE) && kind == unix.SOCK_STREAM {
		return bindSocket(p, kind, 1)
	}
	return f, number, err
}

// kinds are the types of socket of a protocol.
var kinds = map[string]int{"tcp": unix.SOCK_STREAM, "udp": unix.SOCK_DGRAM}

// bindSocket makes the socket. Port 0 lets the kernel pick one that is free.
// See socket(2), bind(2), getsockname(2).
func bindSocket(p Port, kind, reuse int) (_ *os.File, _ uint16, err error) {
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, 0, err
	}
	defer func() {
		if err != nil {
			unix.Close(fd)
		}
	}()
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, reuse); err != nil {
		return nil, 0, err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: int(p.HostPort), Addr: p.host().As4()}); err != nil {
		return nil, 0, err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return nil, 0, err
	}
	number := uint16(name.(*unix.SockaddrInet4).Port)
	return os.NewFile(uintptr(fd), fmt.Sprintf("%s port %d", p.Protocol, number)), number, nil
}

// forget makes the kernel forget the flows to UDP ports that are withdrawn.
// UDP has no end of a connection: a client that keeps sending would be led to
// the old address for as long as it does.
func forget(ports []firewall.Port) error {
	var flows []netlink.CustomConntrackFilter
	for _, p := range ports {
		if p.Protocol != "udp" {
			continue
		}
		f := &netlink.ConntrackFilter{}
		err := errors.Join(
			f.AddProtocol(unix.IPPROTO_UDP),
			f.AddPort(netlink.ConntrackOrigDstPort, p.Host.Port()),
			f.AddIP(netlink.ConntrackReplySrcIP, p.Container.Addr().AsSlice()))
		if err != nil {
			return fmt.Errorf("forget flows to %s: %w", p.Host, err)
		}
		flows = append(flows, f)
	}
	if len(flows) == 0 {
		return nil
	}
	if _, err := netlink.ConntrackDeleteFilters(netlink.ConntrackTable, unix.AF_INET, flows...); err != nil {
		return fmt.Errorf("forget flows to withdrawn ports: %w", err)
	}
	return nil
}
