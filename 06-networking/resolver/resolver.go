// Package resolver answers the containers' questions for names. On a
// user-defined network a container's resolv.conf names 127.0.0.11, an address
// of its own loopback, where we listen: the names of its neighbours come from
// our book, everything else is asked of the host's nameservers. The package
// also renders /etc/hosts and /etc/resolv.conf.
package resolver

import (
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/miekg/dns"

	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/undo"
	"drydock/06-networking/firewall"
)

// Address is where a container finds us.
var Address = netip.AddrFrom4([4]byte{127, 0, 0, 11})

// A Server answers containers. It is safe for concurrent use.
type Server struct {
	book book
	busy chan struct{} // one place a question that we ask in turn

	mu    sync.Mutex      // guards boxes
	boxes map[string]*box // by container
}

// questions is how many may be on their way to other servers at a time. A
// container that asks without end must not cost us all descriptors.
const questions = 512

// New makes a server that knows no name yet and answers nobody.
func New() *Server {
	return &Server{busy: make(chan struct{}, questions), boxes: map[string]*box{}}
}

// Add tells the names of a container on a network: its name, its aliases, its
// short id. Several containers may share one.
func (s *Server) Add(network string, a netip.Addr, names ...string) { s.book.add(network, a, names) }

// Remove forgets all names of an address.
func (s *Server) Remove(network string, a netip.Addr) { s.book.remove(network, a) }

// A Client is a container that asks.
type Client struct {
	ID       string           // of the container
	Netns    string           // file of its network namespace
	Networks []string         // whose names it may know, the first one first
	Upstream []netip.AddrPort // asked for everything else; none on internal networks
}

// A box is a client with the sockets that we opened inside.
type box struct {
	Client
	server  *Server
	udp     net.PacketConn
	tcp     net.Listener
	servers []*dns.Server
	running sync.WaitGroup
}

// Serve opens sockets inside the client's network namespace and answers what
// comes. They are on free ports, with a translation from port 53 before them:
// a nameserver of the container's own may want that. Call it after the network
// is connected, for lo must be up, and again after the daemon has returned.
// Open sockets keep a namespace alive: call Stop when the container is gone.
func (s *Server) Serve(c Client) (err error) {
	b := &box{Client: c, server: s}
	var back undo.Stack
	defer back.If(&err)
	back.Push(b.close)
	if err := namespace.Do(c.Netns, b.open); err != nil {
		return fmt.Errorf("answer names for %s: %w", c.ID, err)
	}
	s.Stop(c.ID)
	b.serve(&dns.Server{PacketConn: b.udp, Handler: b})
	b.serve(&dns.Server{Listener: b.tcp, Handler: b})
	s.mu.Lock()
	s.boxes[c.ID] = b
	s.mu.Unlock()
	return nil
}

// open runs inside the client's namespace.
func (b *box) open() (err error) {
	at := netip.AddrPortFrom(Address, 0).String()
	if b.udp, err = net.ListenPacket("udp4", at); err != nil {
		return err
	}
	if b.tcp, err = net.Listen("tcp4", at); err != nil {
		return err
	}
	return firewall.Redirect(netip.AddrPortFrom(Address, 53), port(b.udp.LocalAddr()), port(b.tcp.Addr()))
}

func port(a net.Addr) uint16 {
	p, _ := netip.ParseAddrPort(a.String())
	return p.Port()
}

// serve starts one of the two servers, and waits until it has begun: one that
// has not cannot be shut down.
func (b *box) serve(s *dns.Server) {
	begun, over := make(chan struct{}), make(chan struct{})
	s.NotifyStartedFunc = func() { close(begun) }
	b.running.Go(func() {
		defer close(over)
		s.ActivateAndServe()
	})
	select {
	case <-begun:
		b.servers = append(b.servers, s)
	case <-over:
	}
}

// close ends the servers, idle connections included, and waits for answers
// that are on their way.
func (b *box) close() {
	for _, s := range b.servers {
		s.Shutdown()
	}
	if b.udp != nil {
		b.udp.Close()
	}
	if b.tcp != nil {
		b.tcp.Close()
	}
	b.running.Wait()
}

// Stop stops to answer a container. One that is not known is no error.
func (s *Server) Stop(id string) {
	s.mu.Lock()
	b := s.boxes[id]
	delete(s.boxes, id)
	s.mu.Unlock()
	if b != nil {
		b.close()
	}
}

// Close stops to answer everybody.
func (s *Server) Close() error {
	s.mu.Lock()
	boxes := s.boxes
	s.boxes = map[string]*box{}
	s.mu.Unlock()
	for _, b := range boxes {
		b.close()
	}
	return nil
}
