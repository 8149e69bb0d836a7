package cgroup

import (
	"slices"
	"strings"
	"testing"
)

func TestLimitsBecomeLinesForTheKernel(t *testing.T) {
	t.Parallel()
	disk := IOLimit{Major: 8, Minor: 16, ReadBPS: 1000, WriteIOPS: 5}
	for _, c := range []struct {
		what            string
		limits          Limits
		unified, legacy string
	}{
		{"nothing", Limits{}, "", ""},
		{"memory", Limits{Memory: 64 << 20}, "memory.max=67108864", "memory.limit_in_bytes=67108864"},
		{"memory and swap: v2 counts swap alone", Limits{Memory: 100, MemorySwap: 300},
			"memory.max=100;memory.swap.max=200", "memory.limit_in_bytes=100;memory.memsw.limit_in_bytes=300"},
		{"no swap", Limits{Memory: 100, MemorySwap: 100},
			"memory.max=100;memory.swap.max=0", "memory.limit_in_bytes=100;memory.memsw.limit_in_bytes=100"},
		{"swap without limit", Limits{Memory: 100, MemorySwap: -1},
			"memory.max=100;memory.swap.max=max", "memory.limit_in_bytes=100;memory.memsw.limit_in_bytes=-1"},
		{"reservation", Limits{Reservation: 5}, "memory.low=5", "memory.soft_limit_in_bytes=5"},
		{"half a CPU", Limits{CPUs: 0.5}, "cpu.max=50000 100000", "cpu.cfs_period_us=100000;cpu.cfs_quota_us=50000"},
		{"two CPUs in short periods", Limits{CPUs: 2, CPUPeriod: 10000}, "cpu.max=20000 10000", "cpu.cfs_period_us=10000;cpu.cfs_quota_us=20000"},
		{"quota", Limits{CPUQuota: 25000}, "cpu.max=25000 100000", "cpu.cfs_period_us=100000;cpu.cfs_quota_us=25000"},
		{"quota lifted", Limits{CPUQuota: -1}, "cpu.max=max 100000", "cpu.cfs_quota_us=-1"},
		{"fair share", Limits{CPUShares: 1024}, "cpu.weight=100", "cpu.shares=1024"},
		{"double share", Limits{CPUShares: 2048}, "cpu.weight=200", "cpu.shares=2048"},
		{"least share", Limits{CPUShares: 2}, "cpu.weight=1", "cpu.shares=2"},
		{"most share", Limits{CPUShares: 262144}, "cpu.weight=10000", "cpu.shares=262144"},
		{"cpuset", Limits{CpusetCPUs: "0-1", CpusetMems: "0"}, "cpuset.cpus=0-1;cpuset.mems=0", "cpuset.cpus=0-1;cpuset.mems=0"},
		{"pids", Limits{PIDs: 20}, "pids.max=20", "pids.max=20"},
		{"pids lifted", Limits{PIDs: -1}, "pids.max=max", "pids.max=max"},
		{"memory lifted", Limits{Memory: -1}, "memory.max=max", "memory.limit_in_bytes=-1"},
		{"a disk", Limits{IO: []IOLimit{disk}}, "io.max=8:16 rbps=1000 wbps=max riops=max wiops=5",
			"blkio.throttle.read_bps_device=8:16 1000;blkio.throttle.write_iops_device=8:16 5"},
	} {
		if got := lines(c.limits.unified()); got != c.unified {
			t.Errorf("%s, v2: %s, want %s", c.what, got, c.unified)
		}
		if got := lines(c.limits.legacy(false)); got != c.legacy {
			t.Errorf("%s, v1: %s, want %s", c.what, got, c.legacy)
		}
	}
}

func lines(files []file) string {
	var all []string
	for _, f := range files {
		all = append(all, f.name+"="+f.text)
	}
	return strings.Join(all, ";")
}

func TestAGroupThatGrowsGetsMemoryAndSwapFirst(t *testing.T) {
	t.Parallel()
	files := Limits{Memory: 100, MemorySwap: 200}.legacy(true)
	at := func(name string) int {
		return slices.IndexFunc(files, func(f file) bool { return f.name == name })
	}
	if at("memory.memsw.limit_in_bytes") > at("memory.limit_in_bytes") {
		t.Error("v1 refuses, at every moment, memory above memory and swap: the second must be raised first")
	}
}

func TestImpossibleLimitsAreRefusedWithASentence(t *testing.T) {
	t.Parallel()
	for want, l := range map[string]Limits{
		"needs a limit of memory":         {MemorySwap: 100},
		"must not be less than memory":    {Memory: 100, MemorySwap: 50},
		"say the same twice":              {CPUs: 1, CPUQuota: 1000},
		"the least is 1000":               {CPUs: 0.001},
		"is not between 1000 and 1000000": {CPUs: 1, CPUPeriod: 2000000},
	} {
		if err := l.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", l, err, want)
		}
	}
}
