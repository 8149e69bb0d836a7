package firewall_test

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/01-namespaces/sandboxtest"
	"drydock/06-networking/firewall"
	"drydock/06-networking/internal/netnstest"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, nil) }

// golden is the whole table, whatever networks and ports there are.
const golden = `chain loopback
	iifname @bridges ip daddr 127.0.0.0/8 drop
	iifname @bridges ip saddr 127.0.0.0/8 drop
chain prerouting
	ip daddr != 127.0.0.0/8 dnat ip to ip daddr . meta l4proto . th dport map @bound
	ip daddr != 127.0.0.0/8 fib daddr type local dnat ip to meta l4proto . th dport map @any
chain output
	dnat ip to ip daddr . meta l4proto . th dport map @bound
	fib daddr type local dnat ip to meta l4proto . th dport map @any
chain forward
	ct state established,related accept
	iifname . oifname @pairs accept
	iifname @internal drop
	oifname @internal drop
	oifname @bridges ct status dnat accept
	oifname @bridges drop
	iifname @bridges accept
chain postrouting
	iifname @bridges oifname != @bridges masquerade
	oifname @bridges ct status dnat ip saddr @subnets masquerade
	oifname @bridges ip saddr 127.0.0.0/8 masquerade
`

func TestTheRulesDoNotGrow(t *testing.T) {
	t.Parallel()
	require.Equal(t, golden, firewall.Rules{}.String())
	require.Equal(t, golden, some(300).String(), "ports are elements, not rules")
	closed := firewall.Rules{Closed: true}.String()
	require.Contains(t, closed, "iifname @bridges accept\n\tdrop\n", "what is not ours comes last")
}

// some are rules with two networks and n ports.
func some(n int) firewall.Rules {
	r := firewall.Rules{Networks: []firewall.Network{
		{Bridge: "drydock0", Subnet: netip.MustParsePrefix("172.17.0.0/16")},
		{Bridge: "br-dark", Subnet: netip.MustParsePrefix("172.18.0.0/16"), Internal: true},
	}}
	for i := range n {
		r.Ports = append(r.Ports, port("tcp", "0.0.0.0", uint16(8000+i)), port("udp", "127.0.0.1", uint16(8000+i)))
	}
	return r
}

func port(protocol, ip string, number uint16) firewall.Port {
	return firewall.Port{
		Protocol:  protocol,
		Host:      netip.AddrPortFrom(netip.MustParseAddr(ip), number),
		Container: netip.MustParseAddrPort("172.17.0.2:80"),
	}
}

// table runs fn in a namespace of its own, with a table in it; nft is the
// oracle that says what the kernel has.
func table(t *testing.T, fn func(t *firewall.Table, list func() string)) {
	t.Helper()
	sandboxtest.NeedRoot(t)
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("nft is not installed")
	}
	netnstest.In(t, netnstest.New(t), func() error {
		fn(firewall.New("drydock"), func() string {
			out, err := exec.Command("nft", "list", "ruleset").CombinedOutput()
			require.NoError(t, err, "%s", out)
			return string(out)
		})
		return nil
	})
}

func TestTheKernelHasWhatTheRulesSay(t *testing.T) {
	table(t, func(f *firewall.Table, list func() string) {
		require.NoError(t, f.Replace(some(1)))
		got := list()
		for line := range strings.Lines(some(1).String()) {
			if rule, ok := strings.CutPrefix(line, "\t"); ok && !strings.Contains(got, rule) {
				t.Errorf("nft does not list the rule %q in\n%s", rule, got)
			}
		}
		for _, element := range []string{
			`"drydock0"`, `"br-dark" . "br-dark"`, "172.17.0.0/16", "172.18.0.0/16",
			"tcp . 8000 : 172.17.0.2 . 80", "127.0.0.1 . udp . 8000 : 172.17.0.2 . 80",
		} {
			require.Contains(t, got, element)
		}
	})
}

func TestElementsComeAndGo(t *testing.T) {
	table(t, func(f *firewall.Table, list func() string) {
		require.NoError(t, f.Replace(firewall.Rules{}))
		empty := list()
		r := some(300)
		for _, n := range r.Networks {
			require.NoError(t, f.AddNetwork(n))
		}
		require.NoError(t, f.Publish(r.Ports))
		step := list()
		require.NoError(t, f.Replace(r))
		require.Equal(t, list(), step, "step by step or at once is the same")
		require.NoError(t, f.Withdraw(r.Ports))
		for _, n := range r.Networks {
			require.NoError(t, f.RemoveNetwork(n))
		}
		require.Equal(t, empty, list())
		require.NoError(t, f.Remove())
		require.Empty(t, list())
		require.NoError(t, f.Remove(), "once more is no error")
	})
}

// A batch is taken as a whole or not at all.
func TestAFailedBatchChangesNothing(t *testing.T) {
	table(t, func(f *firewall.Table, list func() string) {
		require.NoError(t, f.Replace(some(1)))
		before := list()
		other := port("tcp", "0.0.0.0", 8000)
		other.Container = netip.MustParseAddrPort("172.17.0.9:80")
		err := f.Publish([]firewall.Port{port("tcp", "0.0.0.0", 9000), other})
		require.ErrorContains(t, err, "publish ports in nftables table ip drydock")
		require.Equal(t, before, list())
		require.NoError(t, f.Publish([]firewall.Port{port("tcp", "0.0.0.0", 9000)}), "and the table can still be used")
	})
}

func TestWhatCannotBePublished(t *testing.T) {
	t.Parallel()
	f := firewall.New("drydock")
	bad := port("tcp", "0.0.0.0", 80)
	bad.Container = netip.MustParseAddrPort("[fd00::2]:80")
	for want, p := range map[string]firewall.Port{
		`publish port 80: unknown protocol "smtp"`:                                  port("smtp", "0.0.0.0", 80),
		"publish 172.17.0.2:80 on 0.0.0.0:0: there is no port 0":                    port("tcp", "0.0.0.0", 0),
		"publish [fd00::2]:80 on 0.0.0.0:80: only IPv4 addresses can be translated": bad,
	} {
		require.EqualError(t, f.Publish([]firewall.Port{p}), want)
		require.EqualError(t, f.Replace(firewall.Rules{Ports: []firewall.Port{p}}), want)
	}
	require.ErrorContains(t, f.AddNetwork(firewall.Network{Bridge: "b"}), "is no IPv4 subnet")
	require.ErrorContains(t, f.AddNetwork(firewall.Network{}), "cannot be the name of a bridge")
}
