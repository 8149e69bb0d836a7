package cgroup

import (
	"errors"
	"fmt"
	"strconv"
)

// Limits say what the processes of a group may use together; zero is no
// limit. It is plain data and survives JSON.
//
// In (*Group).Set, where there may be a limit already, zero leaves it alone
// and a negative number lifts it.
type Limits struct {
	Memory      int64 // bytes
	MemorySwap  int64 // bytes of memory and swap together; -1 is no limit
	Reservation int64 // bytes, soft
	CPUs        float64
	CPUQuota    int64 // microseconds a CPUPeriod, instead of CPUs
	CPUPeriod   int64 // microseconds, 100000 when zero
	CPUShares   int64 // v1's unit: 1024 is one fair share
	CpusetCPUs  string
	CpusetMems  string
	PIDs        int64
	IO          []IOLimit
}

// An IOLimit holds back reads and writes of one block device; zero is no
// limit.
type IOLimit struct {
	Major, Minor        uint32
	ReadBPS, WriteBPS   uint64 // bytes a second
	ReadIOPS, WriteIOPS uint64 // operations a second
}

// period is how often the kernel deals out CPU time, unless we are told
// otherwise, in microseconds.
const period = 100000

// minQuota is the least that the scheduler accepts, in microseconds.
const minQuota = 1000

// unified renders l for cgroup v2. See cgroups(7) and the kernel's
// Documentation/admin-guide/cgroup-v2.rst.
func (l Limits) unified() []file {
	var files []file
	add := func(wanted bool, name, text string) {
		if wanted {
			files = append(files, file{name, text})
		}
	}
	add(l.Memory != 0, "memory.max", orMax(l.Memory))
	add(l.MemorySwap != 0, "memory.swap.max", l.swapAlone())
	add(l.Reservation != 0, "memory.low", orMax(l.Reservation))
	add(l.CPUShares != 0, "cpu.weight", strconv.FormatInt(weight(l.CPUShares), 10))
	if quota, every := l.quota(); quota != 0 {
		add(true, "cpu.max", orMax(quota)+" "+strconv.FormatInt(every, 10))
	}
	add(l.CpusetCPUs != "", "cpuset.cpus", l.CpusetCPUs)
	add(l.CpusetMems != "", "cpuset.mems", l.CpusetMems)
	add(l.PIDs != 0, "pids.max", orMax(l.PIDs))
	for _, d := range l.IO {
		add(true, "io.max", fmt.Sprintf("%d:%d rbps=%s wbps=%s riops=%s wiops=%s", d.Major, d.Minor,
			rate(d.ReadBPS), rate(d.WriteBPS), rate(d.ReadIOPS), rate(d.WriteIOPS)))
	}
	return files
}

// legacy renders l for cgroup v1. The kernel refuses, at every moment, memory
// above memory-and-swap: a group that grows must get the second first. See
// cgroups(7) and the kernel's Documentation/admin-guide/cgroup-v1.
func (l Limits) legacy(grows bool) []file {
	var files []file
	add := func(wanted bool, name string, value int64) {
		if wanted {
			files = append(files, file{name, strconv.FormatInt(max(value, -1), 10)})
		}
	}
	add(l.MemorySwap != 0 && grows, "memory.memsw.limit_in_bytes", l.MemorySwap)
	add(l.Memory != 0, "memory.limit_in_bytes", l.Memory)
	add(l.MemorySwap != 0 && !grows, "memory.memsw.limit_in_bytes", l.MemorySwap)
	add(l.Reservation != 0, "memory.soft_limit_in_bytes", l.Reservation)
	add(l.CPUShares != 0, "cpu.shares", shares(l.CPUShares))
	if quota, every := l.quota(); quota != 0 {
		add(quota > 0, "cpu.cfs_period_us", every)
		add(true, "cpu.cfs_quota_us", quota)
	}
	if l.CpusetCPUs != "" {
		files = append(files, file{"cpuset.cpus", l.CpusetCPUs})
	}
	if l.CpusetMems != "" {
		files = append(files, file{"cpuset.mems", l.CpusetMems})
	}
	if l.PIDs != 0 {
		files = append(files, file{"pids.max", orMax(l.PIDs)})
	}
	for _, d := range l.IO {
		files = append(files, d.legacy()...)
	}
	return files
}

// legacy is a file for each of the four rates.
func (d IOLimit) legacy() []file {
	var files []file
	for _, r := range []struct {
		name string
		rate uint64
	}{
		{"read_bps", d.ReadBPS}, {"write_bps", d.WriteBPS},
		{"read_iops", d.ReadIOPS}, {"write_iops", d.WriteIOPS},
	} {
		if r.rate != 0 {
			files = append(files, file{"blkio.throttle." + r.name + "_device", fmt.Sprintf("%d:%d %d", d.Major, d.Minor, r.rate)})
		}
	}
	return files
}

// check refuses what the kernel would refuse without a reason that a reader
// could guess.
func (l Limits) check() error {
	quota, every := l.quota()
	switch {
	case l.MemorySwap > 0 && l.Memory <= 0:
		return errors.New("a limit of memory and swap together needs a limit of memory")
	case l.MemorySwap > 0 && l.MemorySwap < l.Memory:
		return fmt.Errorf("memory and swap together (%d) must not be less than memory (%d)", l.MemorySwap, l.Memory)
	case l.CPUs != 0 && l.CPUQuota != 0:
		return errors.New("a number of CPUs and a CPU quota say the same twice")
	case quota > 0 && quota < minQuota:
		return fmt.Errorf("%d of %d microseconds of CPU are too few: the least is %d", quota, every, minQuota)
	case l.CPUPeriod != 0 && (l.CPUPeriod < 1000 || l.CPUPeriod > 1000000):
		return fmt.Errorf("a CPU period of %d microseconds is not between 1000 and 1000000", l.CPUPeriod)
	}
	return nil
}

// quota is how much CPU time there is in how much time; zero is no limit.
func (l Limits) quota() (quota, every int64) {
	every = l.CPUPeriod
	if every == 0 {
		every = period
	}
	if l.CPUs != 0 {
		return int64(l.CPUs * float64(every)), every
	}
	return l.CPUQuota, every
}

// swapAlone is what v2 wants to know: v1 counts memory and swap together.
func (l Limits) swapAlone() string {
	if l.MemorySwap < 0 {
		return "max"
	}
	return strconv.FormatInt(l.MemorySwap-l.Memory, 10)
}

// weight turns shares, of which 1024 are the default, into v2's weight, of
// which 100 are the default: two groups keep their proportion, as far as the
// kernel's range of 1 to 10000 goes.
func weight(shares int64) int64 {
	if shares < 0 {
		return 100
	}
	return min(max(shares*100/1024, 1), 10000)
}

// shares is the default for a negative number.
func shares(n int64) int64 {
	if n < 0 {
		return 1024
	}
	return n
}

func orMax(n int64) string {
	if n < 0 {
		return "max"
	}
	return strconv.FormatInt(n, 10)
}

func rate(n uint64) string {
	if n == 0 {
		return "max"
	}
	return strconv.FormatUint(n, 10)
}
