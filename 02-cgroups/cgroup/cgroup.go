// Package cgroup puts processes on a diet: one small API over both control
// group hierarchies.
package cgroup

import (
	"os"

	"golang.org/x/sys/unix"
)

// Limits say what the processes of a group may use together; zero is no
// limit. It is plain data and survives JSON.
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
}

// Stats are counted by the kernel since the group was made.
type Stats struct {
	MemoryUsage, MemoryPeak, MemoryLimit, MemoryCache int64 // bytes
	MemoryStat                                        map[string]uint64
	OOMKills                                          uint64
	CPUUsage, CPUUser, CPUSystem                      uint64 // nanoseconds
	CPUPeriods, CPUThrottled, CPUThrottledTime        uint64
	PIDs, PIDsLimit                                   uint64
}

// A Tree is where our groups live: below the group that we were started in.
type Tree struct {
	Root    string // mount point(s); a temporary directory in pure tests
	Version int    // 1 (one hierarchy a controller, hybrid too) or 2
}

// Detect finds the hierarchies of this machine and our place in them.
func Detect() (Tree, error) { panic("seam") }

// A Group is one control group: on v1 a directory in each hierarchy.
type Group struct{}

// Create makes the group name (a relative path) below the tree, with limits.
func (t Tree) Create(name string, l Limits) (*Group, error) { panic("seam") }

// Open finds a group that exists.
func (t Tree) Open(name string) (*Group, error) { panic("seam") }

// Door opens what a new-born process needs to enter by itself: `tasks` of
// each v1 hierarchy, or the directory of the v2 one. The caller closes them.
func (g *Group) Door() ([]*os.File, error) { panic("seam") }

// Add moves a process that lives already.
func (g *Group) Add(pid int) error { panic("seam") }

// Set changes the limits of a live group.
func (g *Group) Set(l Limits) error { panic("seam") }

// Stats reads the counters.
func (g *Group) Stats() (Stats, error) { panic("seam") }

// Freeze stops every process of the group, Thaw lets them go on.
func (g *Group) Freeze() error { panic("seam") }

// Thaw is the way back from Freeze.
func (g *Group) Thaw() error { panic("seam") }

// Kill sends a signal to every process of the group.
func (g *Group) Kill(sig unix.Signal) error { panic("seam") }

// PIDs lists the processes in the group.
func (g *Group) PIDs() ([]int, error) { panic("seam") }

// Events calls oom for every out-of-memory kill in the group, without
// polling, until stop is closed.
func (g *Group) Events(stop <-chan struct{}, oom func()) error { panic("seam") }

// Delete removes the group; it must be empty. Missing is fine.
func (g *Group) Delete() error { panic("seam") }
