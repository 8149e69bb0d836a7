package cgroup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnifiedCountersAreRead(t *testing.T) {
	t.Parallel()
	tree := plain(t, 2)
	require.NoError(t, os.Mkdir(filepath.Join(tree.Root, "web"), 0o755))
	for name, text := range map[string]string{
		"memory.current":  "1000\n",
		"memory.peak":     "2000\n",
		"memory.max":      "max\n",
		"memory.stat":     "anon 300\nfile 400\n",
		"memory.events":   "low 0\nhigh 0\nmax 9\noom 2\noom_kill 1\n",
		"cpu.stat":        "usage_usec 70\nuser_usec 50\nsystem_usec 20\nnr_periods 4\nnr_throttled 3\nthrottled_usec 11\n",
		"pids.current":    "5\n",
		"pids.max":        "100\n",
		"io.stat":         "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n8:16 \n",
		"memory.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1234\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=99\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(tree.Root, "web", name), []byte(text), 0o600))
	}
	g, err := tree.Open("web")
	require.NoError(t, err)
	s, err := g.Stats()
	require.NoError(t, err)
	require.Equal(t, Stats{
		MemoryUsage: 1000, MemoryPeak: 2000, MemoryCache: 400, MemoryStat: map[string]uint64{"anon": 300, "file": 400},
		OOMKills: 1, CPUUsage: 70000, CPUUser: 50000, CPUSystem: 20000,
		CPUPeriods: 4, CPUThrottled: 3, CPUThrottledTime: 11000, PIDs: 5, PIDsLimit: 100,
		IO: []IOStat{
			{Major: 8, ReadBytes: 1, WriteBytes: 2, ReadOps: 3, WriteOps: 4, DiscardBytes: 5, DiscardOps: 6},
			{Major: 8, Minor: 16},
		},
		Pressure: Pressure{Memory: 1234},
	}, s)
}

func TestLegacyDisksAreRead(t *testing.T) {
	t.Parallel()
	var s Stats
	blkio(&s, "8:0 Read 4096\n8:0 Write 512\n8:0 Sync 4608\n8:16 Discard 7\nTotal 4608\n", (*IOStat).bytes)
	blkio(&s, "8:0 Read 2\n8:0 Write 1\nTotal 3\n", (*IOStat).ops)
	require.Equal(t, []IOStat{
		{Major: 8, ReadBytes: 4096, WriteBytes: 512, ReadOps: 2, WriteOps: 1},
		{Major: 8, Minor: 16, DiscardBytes: 7},
	}, s.IO)
}

func TestWhatV1ShowsForNoLimitIsNoLimit(t *testing.T) {
	t.Parallel()
	tree := plain(t, 1)
	dir := filepath.Join(tree.Root, "memory/web")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	for _, text := range []string{"9223372036854771712\n", "9223372036854710272\n"} { // pages of 4 and of 64 KiB
		require.NoError(t, os.WriteFile(filepath.Join(dir, "memory.limit_in_bytes"), []byte(text), 0o600))
		g, err := tree.Open("web")
		require.NoError(t, err)
		s, err := g.Stats()
		require.NoError(t, err)
		if s.MemoryLimit != 0 {
			t.Errorf("%q was read as the limit %d", text, s.MemoryLimit)
		}
	}
}
