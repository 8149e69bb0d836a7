package resolver_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"drydock/01-namespaces/sandboxtest"
	"drydock/06-networking/internal/netnstest"
	"drydock/06-networking/resolver"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, nil) }

// box is a namespace with lo up, as Connect leaves it.
func box(t *testing.T) string {
	t.Helper()
	sandboxtest.NeedRoot(t)
	netns := netnstest.New(t)
	netnstest.In(t, netns, func() error {
		lo, err := netlink.LinkByName("lo")
		require.NoError(t, err)
		return netlink.LinkSetUp(lo)
	})
	return netns
}

// serve makes a server with three containers on network back, and one asker.
func serve(t *testing.T, upstream ...netip.AddrPort) (*resolver.Server, string) {
	t.Helper()
	s, netns := resolver.New(), box(t)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	s.Add("back", netip.MustParseAddr("10.98.0.2"), "Web", "c0ffee")
	s.Add("back", netip.MustParseAddr("10.98.0.3"), "worker", "pool")
	s.Add("back", netip.MustParseAddr("10.98.0.4"), "pool")
	s.Add("secret", netip.MustParseAddr("10.97.0.2"), "vault")
	require.NoError(t, s.Serve(resolver.Client{ID: "asker", Netns: netns, Networks: []string{"back"}, Upstream: upstream}))
	return s, netns
}

// ask sends one question from inside netns to 127.0.0.11:53.
func ask(t *testing.T, netns, network, name string, kind uint16) *dns.Msg {
	t.Helper()
	var answer *dns.Msg
	netnstest.In(t, netns, func() (err error) {
		client := dns.Client{Net: network}
		answer, _, err = client.Exchange(new(dns.Msg).SetQuestion(name, kind), "127.0.0.11:53")
		return err
	})
	return answer
}

// short is an answer in one line: the code, and the data of each record.
func short(m *dns.Msg) string {
	s := dns.RcodeToString[m.Rcode]
	for _, r := range m.Answer {
		s += " " + strings.TrimPrefix(r.String(), r.Header().String())
	}
	return s
}

func TestNamesOfNeighbours(t *testing.T) {
	_, netns := serve(t)
	for _, c := range []struct {
		name string
		kind uint16
		want string
	}{
		{"web.", dns.TypeA, "NOERROR 10.98.0.2"},
		{"WEB.", dns.TypeA, "NOERROR 10.98.0.2"},
		{"c0ffee.", dns.TypeA, "NOERROR 10.98.0.2"},
		{"web.back.", dns.TypeA, "NOERROR 10.98.0.2"},
		{"web.", dns.TypeAAAA, "NOERROR"},
		{"web.", dns.TypeMX, "NOERROR"},
		{"2.0.98.10.in-addr.arpa.", dns.TypePTR, "NOERROR web.back."},
		{"vault.", dns.TypeA, "SERVFAIL"},
		{"vault.secret.", dns.TypeA, "SERVFAIL"},
		{"2.0.97.10.in-addr.arpa.", dns.TypePTR, "SERVFAIL"},
		{"nobody.", dns.TypeA, "SERVFAIL"},
	} {
		for _, network := range []string{"udp", "tcp"} {
			if got := short(ask(t, netns, network, c.name, c.kind)); got != c.want {
				t.Errorf("%s %s over %s: %s, want %s", c.name, dns.TypeToString[c.kind], network, got, c.want)
			}
		}
	}
}

func TestSeveralAddressesTakeTurns(t *testing.T) {
	_, netns := serve(t)
	first := map[string]int{}
	for range 4 {
		got := ask(t, netns, "udp", "pool.", dns.TypeA)
		require.Len(t, got.Answer, 2)
		first[got.Answer[0].(*dns.A).A.String()]++
	}
	require.Equal(t, map[string]int{"10.98.0.3": 2, "10.98.0.4": 2}, first)
}

func TestWhoIsGoneHasNoName(t *testing.T) {
	s, netns := serve(t)
	s.Remove("back", netip.MustParseAddr("10.98.0.3"))
	require.Equal(t, "SERVFAIL", short(ask(t, netns, "udp", "worker.", dns.TypeA)))
	require.Equal(t, "NOERROR 10.98.0.4", short(ask(t, netns, "udp", "pool.", dns.TypeA)))
	s.Remove("back", netip.MustParseAddr("10.98.0.3")) // once more is no error
	s.Stop("asker")
	netnstest.In(t, netns, func() error {
		_, _, err := new(dns.Client).Exchange(new(dns.Msg).SetQuestion("web.", dns.TypeA), "127.0.0.11:53")
		require.Error(t, err, "stopped, but still answering")
		return nil
	})
}

// upstream is a nameserver of the host that answers each question for an
// address with ip, and with nothing but an error when ip is "".
func upstream(t *testing.T, ip string) netip.AddrPort {
	t.Helper()
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	tcp, err := net.Listen("tcp4", udp.LocalAddr().String())
	require.NoError(t, err)
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		reply := new(dns.Msg).SetReply(q)
		a, _ := dns.NewRR(fmt.Sprintf("%s 60 IN A %s", q.Question[0].Name, ip))
		reply.Answer = append(reply.Answer, a)
		w.WriteMsg(reply)
	})
	for _, s := range []*dns.Server{{PacketConn: udp, Handler: handler}, {Listener: tcp, Handler: handler}} {
		done := make(chan struct{})
		go func() { defer close(done); s.ActivateAndServe() }()
		t.Cleanup(func() { udp.Close(); tcp.Close(); <-done })
	}
	return netip.MustParseAddrPort(udp.LocalAddr().String())
}

func TestEverythingElseIsAskedOfTheHostsServers(t *testing.T) {
	closed := netip.MustParseAddrPort("127.0.0.1:1") // the first one is down
	_, netns := serve(t, closed, upstream(t, "192.0.2.7"))
	for _, network := range []string{"udp", "tcp"} {
		require.Equal(t, "NOERROR 192.0.2.7", short(ask(t, netns, network, "example.org.", dns.TypeA)))
		require.Equal(t, "NOERROR 10.98.0.2", short(ask(t, netns, network, "web.", dns.TypeA)), "a neighbour is never asked for outside")
		require.Equal(t, "NOERROR", short(ask(t, netns, network, "web.", dns.TypeAAAA)), "nor is another kind of record of his")
	}
}

// The container may run a nameserver of its own on every address, and when the
// daemon returns it opens its sockets a second time.
func TestTheContainerKeepsItsPort53(t *testing.T) {
	s, netns := serve(t)
	netnstest.Serve(t, netns, "0.0.0.0:53", "own")
	got, err := netnstest.Ask(t, netns, "127.0.0.1:53")
	require.NoError(t, err)
	require.Equal(t, "own 127.0.0.1", got)
	require.NoError(t, s.Serve(resolver.Client{ID: "asker", Netns: netns, Networks: []string{"back"}}))
	require.Equal(t, "NOERROR 10.98.0.2", short(ask(t, netns, "tcp", "web.", dns.TypeA)))
}

func TestServeNeedsANetworkNamespace(t *testing.T) {
	sandboxtest.NeedRoot(t)
	err := resolver.New().Serve(resolver.Client{ID: "asker", Netns: "/proc/self/ns/missing"})
	require.ErrorContains(t, err, "answer names for asker")
}
