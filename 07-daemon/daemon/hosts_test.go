package daemon

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/require"

	"drydock/06-networking/bridge"
)

func TestHostsFile(t *testing.T) {
	t.Parallel()
	r := &record{Config: &container.Config{Hostname: "web", Domainname: "lan"}, HostConfig: &container.HostConfig{
		ExtraHosts: []string{"db:10.0.0.9", "six=[::2]", "gw:host-gateway"},
	}}
	lease := bridge.Lease{Address: netip.MustParsePrefix("10.1.0.2/16"), Gateway: netip.MustParseAddr("10.1.0.1")}
	text := hostsFile(r, []bridge.Lease{lease})
	for _, line := range []string{"127.0.0.1\tlocalhost\n", "10.0.0.9\tdb\n", "::2\tsix\n", "10.1.0.1\tgw\n", "10.1.0.2\tweb.lan web\n"} {
		if !strings.Contains(text, line) {
			t.Errorf("%q is missing in\n%s", line, text)
		}
	}
}

func TestPublications(t *testing.T) {
	t.Parallel()
	var r container.CreateRequest
	require.NoError(t, json.Unmarshal([]byte(`{"ExposedPorts":{"90/tcp":{},"80/tcp":{}},"HostConfig":{"PublishAllPorts":true,"PortBindings":{
		"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"8080-8090"}],"53/udp":[{"HostPort":""}]}}}`), &r))
	got, err := publications(r.Config, r.HostConfig)
	require.NoError(t, err)
	want := []publication{
		{inside: 53, protocol: "udp"},
		{ip: netip.MustParseAddr("127.0.0.1"), first: 8080, last: 8090, inside: 80, protocol: "tcp"},
		{inside: 90, protocol: "tcp"},
	}
	require.Equal(t, want, got)
}

func TestInterfaceCounters(t *testing.T) {
	t.Parallel()
	all := parseInterfaces("Inter-| Receive\n face |bytes\n    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n  eth0: 10 2 3 4 0 0 0 0 50 6 7 8 0 0 0 0\n")
	if e := all["eth0"]; len(all) != 1 || e.RxBytes != 10 || e.RxDropped != 4 || e.TxBytes != 50 || e.TxErrors != 7 {
		t.Errorf("got %+v", all)
	}
}

func TestRowsOfPS(t *testing.T) {
	t.Parallel()
	top, err := ofPIDs([]byte("USER PID COMMAND\nroot 1 init now\nroot 22 sh -c x\n"), []int{22})
	require.NoError(t, err)
	require.Equal(t, [][]string{{"root", "22", "sh -c x"}}, top.Processes)
	if _, err := ofPIDs([]byte("USER COMMAND\n"), nil); err == nil {
		t.Error("without the column PID nothing can be told")
	}
	p, ok := readProcess(1)
	if row := p.row(); !ok || len(row) != 8 || row[1] != "1" {
		t.Errorf("process 1 is %v", row)
	}
	if got := terminal(136<<8 | 3); got != "pts/3" {
		t.Errorf("device 136:3 is %s", got)
	}
}
