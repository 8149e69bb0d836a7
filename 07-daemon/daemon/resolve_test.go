package daemon

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/stretchr/testify/require"

	"drydock/06-networking/bridge"
)

// quay is a daemon with a network of a user's own, and a web server on it
// that has one more name.
func quay(t *testing.T) (fleet, string) {
	f := cabledDaemon(t)
	_, err := f.config.Networks.Create(bridge.Network{Name: "back"})
	require.NoError(t, err)
	web := f.run("web", `{"Hostname":"box","HostConfig":{"NetworkMode":"back"},"NetworkingConfig":{"EndpointsConfig":{"back":{"Aliases":["www"]}}}}`, "httpd", "hello ")
	f.ready(web)
	return f, web
}

// fetches runs a container on a network and returns what it fetched.
func (f fleet) fetches(mode string, addresses ...string) (string, int) {
	f.t.Helper()
	id := f.run("", `{"HostConfig":{"NetworkMode":"`+mode+`"}}`, append([]string{"fetch"}, addresses...)...)
	code := f.code(id)
	return f.output(id), code
}

func TestNeighboursFindEachOtherByName(t *testing.T) {
	f, web := quay(t)
	if out, code := f.fetches("back", "http://web", "http://www", "http://box", "http://web.back", "http://"+web[:12]); code != 0 || out != strings.Repeat("hello ", 5) {
		t.Errorf("by its names the server answers %q, and the client ends with %d", out, code)
	}
	if out, code := f.fetches("bridge", "http://web"); code == 0 {
		t.Errorf("a container of the default network knows the name: %q", out)
	}
	require.NoError(t, f.Rename(web, "web2"))
	if out, code := f.fetches("back", "http://web2"); code != 0 {
		t.Errorf("after a rename: %q", out)
	}
	if out, code := f.fetches("back", "http://web"); code == 0 {
		t.Errorf("its old name is still answered: %q", out)
	}
}

// A container that joins a network while it runs learns the names there, and
// forgets them when it leaves.
func TestNamesComeAndGoWithTheNetwork(t *testing.T) {
	f, _ := quay(t)
	id := f.run("late", `{"HostConfig":{"NetworkMode":"bridge"}}`, "sleep", "100")
	f.ready(id)
	fetch := func() int { return f.exec(id, "fetch", "http://www") }
	if fetch() == 0 {
		t.Error("it knows the name before it joined")
	}
	require.NoError(t, f.Join(id, "back", &network.EndpointSettings{}))
	if code := fetch(); code != 0 {
		t.Errorf("on the network it does not find its neighbour: %d", code)
	}
	require.NoError(t, f.Leave(id, "back"))
	if fetch() == 0 {
		t.Error("it knows the name after it left")
	}
}

// exec runs a command in a container and returns its code.
func (f fleet) exec(id string, args ...string) int {
	f.t.Helper()
	e, err := f.ExecCreate(id, container.ExecCreateRequest{Cmd: args})
	require.NoError(f.t, err)
	require.NoError(f.t, f.ExecStart(background, e, container.ExecStartRequest{Detach: true}, nil))
	found, err := f.findExec(e)
	require.NoError(f.t, err)
	<-found.done
	now, err := f.ExecInspect(e)
	require.NoError(f.t, err)
	return *now.ExitCode
}

// A daemon that shall leave its containers alone closes, and the next one
// answers their questions again.
func TestLiveRestoreLeavesTheContainersAndTheirNames(t *testing.T) {
	dir := t.TempDir()
	driver := func() *bridge.Driver {
		d, err := bridge.Open(bridge.Config{Dir: dir, Bridge: "drydocktest"})
		require.NoError(t, err)
		return d
	}
	f := launchDaemon(t, func(c *Config) { c.Networks, c.DNS, c.LiveRestore = driver(), nobody, true })
	_, err := f.config.Networks.Create(bridge.Network{Name: "back"})
	require.NoError(t, err)
	web := f.run("web", `{"HostConfig":{"NetworkMode":"back"}}`, "httpd", "hello")
	asks := f.run("asks", `{"HostConfig":{"NetworkMode":"back"}}`, "sleep", "100")
	f.ready(web)
	f.ready(asks)
	pid := f.all()[0].pid.Load()
	require.NoError(t, f.Close(background))
	if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err != nil {
		t.Fatalf("closing a daemon with live restore ended its containers: %v", err)
	}

	next := f.config
	next.Networks = driver()
	g := openDaemon(t, next)
	if code := g.exec(asks, "fetch", "http://web"); code != 0 {
		t.Errorf("under the next daemon its neighbour is not found: %d", code)
	}
	now, err := g.Inspect(web, false)
	require.NoError(t, err)
	if !now.State.Running || now.NetworkSettings.Networks["back"].IPAddress.String() == "" {
		t.Errorf("the next daemon sees %+v", now.State)
	}
}

// On a network of a user's own the container asks us; elsewhere it has the
// host's servers, and whoever asks for others gets those.
func TestWhomAContainerAsks(t *testing.T) {
	t.Parallel()
	own, other := netip.MustParseAddr("10.0.0.53"), netip.MustParseAddr("10.0.0.54")
	d := &Daemon{config: Config{DNS: []netip.Addr{own}, DNSSearch: []string{"lan"}}}
	for _, c := range []struct {
		mode     container.NetworkMode
		dns      []netip.Addr
		want     string
		upstream int
	}{
		{"bridge", nil, "nameserver 10.0.0.53\nsearch lan\n", 0},
		{"bridge", []netip.Addr{other}, "nameserver 10.0.0.54\nsearch lan\n", 0},
		{"host", nil, "nameserver 10.0.0.53\nsearch lan\n", 0},
		{"none", nil, "nameserver 10.0.0.53\nsearch lan\n", 0},
		{"back", nil, "nameserver 127.0.0.11\nsearch lan\n", 1},
		{"back", []netip.Addr{own, other}, "nameserver 127.0.0.11\nsearch lan\n", 2},
	} {
		r := &record{HostConfig: &container.HostConfig{NetworkMode: c.mode, DNS: c.dns}, Networks: map[string]*network.EndpointSettings{string(c.mode): nil}}
		conf, upstream, err := d.conf(r)
		require.NoError(t, err)
		if !strings.Contains(conf.String(), c.want) || len(upstream) != c.upstream {
			t.Errorf("%s with %v: %q and %v", c.mode, c.dns, conf, upstream)
		}
	}
}

func TestNamesOnANetwork(t *testing.T) {
	t.Parallel()
	r := &record{ID: strings.Repeat("a", 64), Name: "web", Config: &container.Config{Hostname: "web"},
		Networks: map[string]*network.EndpointSettings{"back": {Aliases: []string{"www", "web", ""}}}}
	require.Equal(t, []string{"web", "www", "aaaaaaaaaaaa"}, dnsNames(r, "back"), "each name once")
	require.Equal(t, []string{"web", "aaaaaaaaaaaa"}, dnsNames(r, "front"))
}

// Who is on internal networks only has no servers but us: names must not be
// a way out.
func TestInternalNetworksHaveNoWayOutByNames(t *testing.T) {
	f := cabledDaemon(t)
	for _, n := range []bridge.Network{{Name: "closed", Internal: true}, {Name: "open"}} {
		_, err := f.config.Networks.Create(n)
		require.NoError(t, err)
	}
	for _, c := range []struct {
		networks []string
		want     bool
	}{{[]string{"closed"}, false}, {[]string{"open"}, true}, {[]string{"closed", "open"}, true}, {[]string{"nope"}, false}} {
		if got := f.outward(c.networks); got != c.want {
			t.Errorf("%v lead out: %v", c.networks, got)
		}
	}
}
