package daemon

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"

	"drydock/02-cgroups/cgroup"
)

// Stats tells once what a container uses, as /stats?one-shot does.
func (d *Daemon) Stats(ref string) (container.StatsResponse, error) {
	b, err := d.open(ref)
	if err != nil {
		return container.StatsResponse{}, err
	}
	defer b.mu.Unlock()
	now := container.StatsResponse{ID: b.id, Name: "/" + b.record.Name, OSType: "linux"}
	if !b.status().Alive() {
		return now, nil
	}
	used, err := b.group.Stats()
	if vanished(err) {
		return now, nil
	}
	if err != nil {
		return now, fmt.Errorf("read what container %s uses: %w", b.id, err)
	}
	now.Read = time.Now().UTC()
	now.CPUStats = cpuStats(used)
	now.MemoryStats = memoryStats(used, d.tree.Version)
	now.PidsStats = container.PidsStats{Current: used.PIDs, Limit: used.PIDsLimit}
	now.Networks = networkStats(int(b.pid.Load()))
	return now, nil
}

// FollowStats calls emit every second, each time with the values of the time
// before, until ctx or the container ends.
func (d *Daemon) FollowStats(ctx context.Context, ref string, emit func(container.StatsResponse) error) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	var before container.StatsResponse
	for {
		now, err := d.Stats(ref)
		if err != nil {
			return nil // it was removed
		}
		now.PreRead, now.PreCPUStats = before.Read, before.CPUStats
		if err := emit(now); err != nil {
			return err
		}
		before = now
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func cpuStats(used cgroup.Stats) container.CPUStats {
	return container.CPUStats{
		CPUUsage:    container.CPUUsage{TotalUsage: used.CPUUsage, UsageInKernelmode: used.CPUSystem, UsageInUsermode: used.CPUUser},
		SystemUsage: systemCPU(), OnlineCPUs: uint32(runtime.NumCPU()),
		ThrottlingData: container.ThrottlingData{Periods: used.CPUPeriods, ThrottledPeriods: used.CPUThrottled, ThrottledTime: used.CPUThrottledTime},
	}
}

// memoryStats counts as Docker's engine does; its clients take the page cache
// off themselves, by a name that tells v1 from v2.
func memoryStats(used cgroup.Stats, version int) container.MemoryStats {
	m := container.MemoryStats{Usage: uint64(used.MemoryUsage), Limit: uint64(used.MemoryLimit), Stats: used.MemoryStat}
	if version == 1 {
		m.MaxUsage = uint64(used.MemoryPeak)
	}
	if total := totalMemory(); m.Limit == 0 || total > 0 && m.Limit > total {
		m.Limit = total
	}
	return m
}

// totalMemory is what the machine has. See proc_meminfo(5).
func totalMemory() uint64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "MemTotal:" {
			kib, _ := strconv.ParseUint(fields[1], 10, 64)
			return kib << 10
		}
	}
	return 0
}

// networkStats are the counters of the container's interfaces. Its own view of
// /proc/net/dev can be read from outside. See proc_pid_net(5).
func networkStats(pid int) map[string]container.NetworkStats {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/dev", pid))
	if err != nil {
		return nil
	}
	return parseInterfaces(string(text))
}

func parseInterfaces(text string) map[string]container.NetworkStats {
	all := map[string]container.NetworkStats{}
	for line := range strings.Lines(text) {
		name, counters, ok := strings.Cut(line, ":")
		fields := strings.Fields(counters)
		name = strings.TrimSpace(name)
		if !ok || len(fields) < 12 || name == "lo" {
			continue
		}
		n := func(i int) uint64 { v, _ := strconv.ParseUint(fields[i], 10, 64); return v }
		all[name] = container.NetworkStats{
			RxBytes: n(0), RxPackets: n(1), RxErrors: n(2), RxDropped: n(3),
			TxBytes: n(8), TxPackets: n(9), TxErrors: n(10), TxDropped: n(11),
		}
	}
	return all
}
