package bridge_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/01-namespaces/sandboxtest"
	"drydock/06-networking/bridge"
	"drydock/06-networking/internal/netnstest"
)

// BenchmarkConnect measures the cable alone; the namespaces are there.
func BenchmarkConnect(b *testing.B) {
	sandboxtest.NeedRoot(b)
	d, err := bridge.Open(bridge.Config{Dir: b.TempDir()})
	require.NoError(b, err)
	netns := make([]string, b.N)
	for i := range netns {
		netns[i] = netnstest.New(b)
	}
	first, err := d.Connect("bridge", netnstest.New(b), bridge.Endpoint{})
	require.NoError(b, err)
	leases := []bridge.Lease{first}
	b.ResetTimer()
	for i := range netns {
		l, err := d.Connect("bridge", netns[i], bridge.Endpoint{})
		require.NoError(b, err)
		leases = append(leases, l)
	}
	b.StopTimer()
	for _, l := range leases {
		require.NoError(b, d.Disconnect(l))
	}
	require.NoError(b, d.Close())
}
