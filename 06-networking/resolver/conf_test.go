package resolver_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/06-networking/resolver"
)

func addrs(all ...string) (a []netip.Addr) {
	for _, s := range all {
		a = append(a, netip.MustParseAddr(s))
	}
	return a
}

func TestParseConf(t *testing.T) {
	c := resolver.ParseConf(`# from DHCP
nameserver 10.0.0.1
nameserver   fe80::1%eth0 ; a comment
nameserver nonsense
nameserver
domain old.example
search a.example b.example
options ndots:2 timeout:1
options rotate
sortlist 10.0.0.0`)
	require.Equal(t, resolver.Conf{
		Nameservers: addrs("10.0.0.1", "fe80::1%eth0"),
		Search:      []string{"a.example", "b.example"},
		Options:     []string{"ndots:2", "timeout:1", "rotate"},
	}, c)
}

// body drops the comment on top.
func body(c resolver.Conf) string {
	_, s, _ := strings.Cut(c.String(), "\n\n")
	return s
}

func TestTheDefaultNetworkCopiesTheHostsFile(t *testing.T) {
	for _, c := range []struct{ name, host, asked, want string }{
		{"as it is", "nameserver 10.0.0.1\nsearch x.example\noptions edns0\n", "", "nameserver 10.0.0.1\nsearch x.example\noptions edns0\n"},
		{"without loopback", "nameserver 127.0.0.53\nnameserver 10.0.0.1\n", "", "nameserver 10.0.0.1\n"},
		{"without IPv6", "nameserver ::1\nnameserver fd00::1\nnameserver 10.0.0.1\n", "", "nameserver 10.0.0.1\n"},
		{"none left", "nameserver 127.0.0.53\n", "", "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"},
		{"none at all", "", "", "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"},
		{"asked for", "nameserver 10.0.0.1\nsearch x.example\n", "nameserver 127.0.0.1\n", "nameserver 127.0.0.1\nsearch x.example\n"},
		{"no search", "nameserver 10.0.0.1\nsearch x.example\n", "search .\n", "nameserver 10.0.0.1\n"},
		{"options", "nameserver 10.0.0.1\noptions edns0\n", "options timeout:1\n", "nameserver 10.0.0.1\noptions timeout:1\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := body(resolver.Copied(resolver.ParseConf(c.host), resolver.ParseConf(c.asked)))
			if got != c.want {
				t.Errorf("got\n%swant\n%s", got, c.want)
			}
		})
	}
}

func TestUserDefinedNetworksNameUs(t *testing.T) {
	for _, c := range []struct{ name, host, asked, want, upstream string }{
		{"loopback is fine", "nameserver 127.0.0.53\noptions edns0\n", "", "nameserver 127.0.0.11\noptions edns0 ndots:0\n", "127.0.0.53:53"},
		{"ndots is the user's", "nameserver 10.0.0.1\n", "options ndots:3\n", "nameserver 127.0.0.11\noptions ndots:3\n", "10.0.0.1:53"},
		{"asked for", "nameserver 10.0.0.1\n", "nameserver 10.0.0.9\n", "nameserver 127.0.0.11\noptions ndots:0\n", "10.0.0.9:53"},
		{"none", "", "", "nameserver 127.0.0.11\noptions ndots:0\n", "8.8.8.8:53 8.8.4.4:53"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conf, upstream := resolver.Internal(resolver.ParseConf(c.host), resolver.ParseConf(c.asked))
			require.Equal(t, c.want, body(conf))
			var servers []string
			for _, u := range upstream {
				servers = append(servers, u.String())
			}
			require.Equal(t, c.upstream, strings.Join(servers, " "))
		})
	}
}

func TestHosts(t *testing.T) {
	extra := []resolver.Entry{{Name: "db", Addr: netip.MustParseAddr("10.0.0.5")}}
	got := resolver.Hosts("web", "", addrs("172.17.0.2"), extra)
	require.True(t, strings.HasPrefix(got, "127.0.0.1\tlocalhost\n::1\t"), got)
	require.True(t, strings.HasSuffix(got, "ip6-allrouters\n10.0.0.5\tdb\n172.17.0.2\tweb\n"), got)
	got = resolver.Hosts("web", "example.org", addrs("172.17.0.2"), nil)
	require.True(t, strings.HasSuffix(got, "\n172.17.0.2\tweb.example.org web\n"), got)
}

// FuzzConf: what is rendered reads the same again.
func FuzzConf(f *testing.F) {
	f.Add("nameserver 10.0.0.1\nsearch a b\noptions c d")
	f.Add("nameserver ::1 # x\ndomain ;y\noptions \t\x00")
	f.Fuzz(func(t *testing.T, text string) {
		c := resolver.ParseConf(text)
		require.Equal(t, c, resolver.ParseConf(c.String()))
	})
}
