package resolver

import (
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// lifetime is for how many seconds an answer of ours may be remembered.
const lifetime = 600

// ServeDNS answers one question: from the book if it is about a neighbour, or
// else with what another server says.
func (b *box) ServeDNS(w dns.ResponseWriter, question *dns.Msg) {
	answer := b.answer(question)
	if answer == nil {
		answer = b.ask(w.RemoteAddr().Network(), question)
	}
	size := dns.MinMsgSize
	if o := question.IsEdns0(); o != nil {
		size = int(o.UDPSize())
	}
	if w.RemoteAddr().Network() == "udp" {
		answer.Truncate(size)
	}
	w.WriteMsg(answer)
}

// answer is ours, or nil if we do not know the name. For a name that we know,
// no other server is asked, whatever the type of record: nobody outside has
// to do with our containers, and an empty answer says "no such record".
func (b *box) answer(question *dns.Msg) *dns.Msg {
	if len(question.Question) != 1 || question.Opcode != dns.OpcodeQuery {
		return new(dns.Msg).SetRcode(question, dns.RcodeFormatError)
	}
	q := question.Question[0]
	if q.Qclass != dns.ClassINET {
		return nil
	}
	reply := new(dns.Msg).SetReply(question)
	reply.RecursionAvailable = true
	if q.Qtype == dns.TypePTR {
		name := b.server.book.name(b.Networks, reversed(q.Name))
		if name == "" {
			return nil
		}
		reply.Answer = []dns.RR{&dns.PTR{Hdr: header(q), Ptr: dns.Fqdn(name)}}
		return reply
	}
	found := b.server.book.find(b.Networks, strings.ToLower(strings.TrimSuffix(q.Name, ".")))
	if found == nil {
		return nil
	}
	for _, a := range found {
		switch {
		case q.Qtype == dns.TypeA && a.Is4():
			reply.Answer = append(reply.Answer, &dns.A{Hdr: header(q), A: a.AsSlice()})
		case q.Qtype == dns.TypeAAAA && a.Is6():
			reply.Answer = append(reply.Answer, &dns.AAAA{Hdr: header(q), AAAA: a.AsSlice()})
		}
	}
	return reply
}

func header(q dns.Question) dns.RR_Header {
	return dns.RR_Header{Name: q.Name, Rrtype: q.Qtype, Class: dns.ClassINET, Ttl: lifetime}
}

// reversed reads the address out of a name like 2.0.17.172.in-addr.arpa. See
// RFC 1035, section 3.5.
func reversed(name string) netip.Addr {
	digits, ok := strings.CutSuffix(strings.ToLower(name), ".in-addr.arpa.")
	parts := strings.Split(digits, ".")
	if !ok || len(parts) != 4 {
		return netip.Addr{}
	}
	var a [4]byte
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return netip.Addr{}
		}
		a[3-i] = byte(n)
	}
	return netip.AddrFrom4(a)
}

// patience is how long one server has for an answer, before the next is asked.
const patience = 3 * time.Second

// ask asks the client's own nameservers in turn, over the same transport, and
// passes on what the first says that answers. The identifier of the question
// is drawn anew on this leg, as RFC 5452 wants it.
func (b *box) ask(network string, question *dns.Msg) *dns.Msg {
	answer, err := b.exchange(network, question)
	if err != nil {
		return new(dns.Msg).SetRcode(question, dns.RcodeServerFailure)
	}
	answer.Id = question.Id
	return answer
}

func (b *box) exchange(network string, question *dns.Msg) (answer *dns.Msg, err error) {
	select {
	case b.server.busy <- struct{}{}:
		defer func() { <-b.server.busy }()
	default:
		return nil, errBusy
	}
	err = errNobody
	for _, upstream := range b.Upstream {
		asked := question.Copy()
		asked.Id = dns.Id()
		client := dns.Client{Net: network, Timeout: patience, UDPSize: dns.MaxMsgSize}
		if answer, _, err = client.Exchange(asked, upstream.String()); err == nil {
			return answer, nil
		}
	}
	return nil, err
}

// errNobody and errBusy are why a question goes no further: the network is
// internal, or too many are under way.
var (
	errNobody = errors.New("no other nameserver")
	errBusy   = errors.New("too many questions at a time")
)
