package daemon

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/stretchr/testify/require"

	"drydock/06-networking/bridge"
)

// nobody is a name server that refuses at once.
var nobody = []netip.Addr{netip.MustParseAddr("127.0.0.1")}

// cabledDaemon has a driver of its own in the private network namespace of
// the tests.
func cabledDaemon(t *testing.T) fleet {
	driver, err := bridge.Open(bridge.Config{Dir: t.TempDir(), Bridge: "drydocktest"})
	require.NoError(t, err)
	f := launchDaemon(t, func(c *Config) { c.Networks, c.DNS = driver, nobody })
	return f
}

func TestPublishedPortBelongsToOneContainer(t *testing.T) {
	f := cabledDaemon(t)
	const port = `{"HostConfig":{"NetworkMode":"bridge","PortBindings":{"80/tcp":[{"HostIp":"127.0.0.1","HostPort":"18080"}]}}}`
	first := f.run("first", port, "sleep", "100")
	now, err := f.Inspect(first, false)
	require.NoError(t, err)
	e := now.NetworkSettings.Networks["bridge"]
	if e == nil || !e.IPAddress.IsValid() || e.EndpointID == "" || e.NetworkID == "" {
		t.Fatalf("the endpoint is %+v", e)
	}
	hosts := f.run("", `{"HostConfig":{"NetworkMode":"container:first"}}`, "cat", "/etc/hosts")
	require.Zero(t, f.code(hosts))
	if out := f.output(hosts); !strings.Contains(out, e.IPAddress.String()+"\t"+first[:12]) {
		t.Errorf("who shares the network must see its address in /etc/hosts:\n%s", out)
	}

	second := f.create("second", port, "true")
	err = f.Start(background, second)
	if err == nil || errdefs.IsConflict(err) || !strings.Contains(err.Error(), "driver failed programming external connectivity on endpoint second (") ||
		!strings.HasSuffix(err.Error(), "Bind for 127.0.0.1:18080 failed: port is already allocated") {
		t.Errorf("a port in use: %v", err)
	}
	require.NoError(t, f.Remove(background, first, RemoveOptions{Force: true}))
	require.NoError(t, f.Start(background, second), "the port is free again")
	require.Zero(t, f.code(second))
}

func TestUnknownNetworkIsNotFound(t *testing.T) {
	f := cabledDaemon(t)
	id := f.create("", `{"HostConfig":{"NetworkMode":"nope"}}`, "true")
	err := f.Start(background, id)
	if !errdefs.IsNotFound(err) || err.Error() != "network nope not found" {
		t.Errorf("an unknown network: %v", err)
	}
	now, err := f.Inspect(id, false)
	require.NoError(t, err)
	if now.State.Status != "created" {
		t.Errorf("the container is %s", now.State.Status)
	}
}
