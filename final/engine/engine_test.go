package engine

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/stretchr/testify/require"

	"drydock/07-daemon/daemon"
)

func TestAnEngineKnowsItselfAgain(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir)
	first, err := e.Info()
	require.NoError(t, err)
	require.NoError(t, e.Close(context.Background()))
	e = open(t, dir)
	second, err := e.Info()
	require.NoError(t, err)
	require.NoError(t, e.Close(context.Background()))
	if first.ID == "" || first.ID != second.ID {
		t.Errorf("the engine was %q and is %q", first.ID, second.ID)
	}
	if second.OSType != "linux" || second.DockerRootDir != filepath.Join(dir, "data") || second.CgroupVersion == "" {
		t.Errorf("info lacks what clients read at start: %+v", second)
	}
	if second.RegistryConfig.Mirrors == nil || second.RegistryConfig.IndexConfigs["docker.io"].Mirrors == nil {
		t.Error("no mirrors are null, and clients expect a list")
	}
}

func TestAFailedOpenSaysWhat(t *testing.T) {
	dir := t.TempDir()
	open(t, dir).Close(context.Background())
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "data/snapshots")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data/snapshots"), nil, 0o600))
	_, err := Open(Config{Root: filepath.Join(dir, "data"), ExecRoot: dir, Bridge: "none"})
	require.ErrorContains(t, err, "open snapshots")
}

func TestNetworksThatAreOnlyNames(t *testing.T) {
	e := open(t, t.TempDir())
	defer e.Close(context.Background())
	all := e.AllNetworks()
	require.Len(t, all, 2)
	for _, n := range all {
		for _, ref := range []string{n.Name, n.ID, n.ID[:12]} {
			found, err := e.Network(ref)
			require.NoError(t, err)
			if found.ID != n.ID {
				t.Errorf("%s is %s, want %s", ref, found.Name, n.Name)
			}
		}
	}
	_, err := e.Network("nosuch")
	if !errdefs.IsNotFound(err) || err.Error() != "network nosuch not found" {
		t.Errorf("got %v", err)
	}
	_, err = e.Network("") // a prefix of both
	if !errdefs.IsInvalidArgument(err) {
		t.Errorf("an ambiguous prefix: %v", err)
	}
}

func TestNetworksThatCannotBe(t *testing.T) {
	e := open(t, t.TempDir())
	defer e.Close(context.Background())
	six := true
	for want, r := range map[string]network.CreateRequest{
		"network name cannot be empty":                                          {},
		"operation is not permitted on predefined host network ":                {Name: "host"},
		"could not find plugin overlay in v1 plugin registry: plugin not found": {Name: "n", Driver: "overlay"},
		"this engine runs with --bridge none and has no networks":               {Name: "n", EnableIPv6: &six},
	} {
		_, err := e.CreateNetwork(r)
		require.EqualError(t, err, want)
	}
}

func TestMembersShowTheirPrefix(t *testing.T) {
	at := &network.EndpointSettings{IPAddress: netip.MustParseAddr("10.1.2.3"), IPPrefixLen: 24}
	if got := member("web", at).IPv4Address.String(); got != "10.1.2.3/24" {
		t.Errorf("got %s", got)
	}
	if member("web", &network.EndpointSettings{}).IPv4Address.IsValid() {
		t.Error("a container that does not run has an address")
	}
}

func TestVolumesAreInUseAgainAndLostTreesGo(t *testing.T) {
	dir := t.TempDir()
	e := open(t, dir)
	_, err := e.Images.Import(context.Background(), bytes.NewReader(make([]byte, 1024)), v1.Config{Cmd: []string{"x"}}, "", "empty")
	require.NoError(t, err)
	_, err = e.Containers.Create(context.Background(), "keeper", container.CreateRequest{
		Config:     &container.Config{Image: "empty"},
		HostConfig: &container.HostConfig{NetworkMode: "none", Binds: []string{"kept:/data"}},
	})
	require.NoError(t, err)
	lost := strings.Repeat("ab", 32) // a daemon died between tree and record
	require.NoError(t, e.Snapshots.Prepare(lost, ""))
	require.NoError(t, e.Close(context.Background()))

	e = open(t, dir)
	defer e.Close(context.Background())
	require.ErrorContains(t, e.Volumes.Remove("kept"), "in use")
	keys := e.Snapshots.Names(false)
	if len(keys) != 1 || keys[0] == lost {
		t.Errorf("trees %v, want that of the container alone", keys)
	}
	require.NoError(t, e.Containers.Remove(context.Background(), "keeper", daemon.RemoveOptions{}))
	require.NoError(t, e.Volumes.Remove("kept"))
}
