package cgroup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Stats are counted by the kernel since the group was made. What the machine
// does not count is zero; a limit that is not there is zero, too.
type Stats struct {
	MemoryUsage, MemoryPeak, MemoryLimit, MemoryCache int64 // bytes
	MemoryStat                                        map[string]uint64
	OOMKills                                          uint64
	CPUUsage, CPUUser, CPUSystem                      uint64 // nanoseconds
	CPUPeriods, CPUThrottled, CPUThrottledTime        uint64
	PIDs, PIDsLimit                                   uint64
	IO                                                []IOStat
	Pressure                                          Pressure
}

// An IOStat counts what went to and came from one block device.
type IOStat struct {
	Major, Minor             uint32
	ReadBytes, WriteBytes    uint64
	ReadOps, WriteOps        uint64
	DiscardBytes, DiscardOps uint64
}

// Pressure is how long some process of the group had to wait for a resource,
// in microseconds. Only v2 knows.
type Pressure struct{ CPU, Memory, IO uint64 }

// Stats reads the counters.
func (g *Group) Stats() (Stats, error) {
	m := g.Meter()
	defer m.Close()
	return m.Read()
}

// A Meter reads the counters of a group again and again. It keeps the files
// open: to look a name up costs more than to read what is behind it. It is
// not safe for concurrent use.
type Meter struct {
	group *Group
	files map[string]*os.File // nil: there is no such file
	buf   []byte
}

// Meter makes a meter; Close it.
func (g *Group) Meter() *Meter {
	return &Meter{group: g, files: map[string]*os.File{}, buf: make([]byte, 8192)}
}

// Close closes the files.
func (m *Meter) Close() error {
	for _, f := range m.files {
		if f != nil {
			f.Close()
		}
	}
	m.files = map[string]*os.File{}
	return nil
}

// Read reads the counters. A group that is gone is fs.ErrNotExist.
// See cgroups(7).
func (m *Meter) Read() (Stats, error) {
	var s Stats
	counters := legacyCounters
	if m.group.tree.Version == 2 {
		counters = unifiedCounters
	}
	for _, c := range counters {
		text, err := m.text(c.name)
		if gone(err) {
			err = fmt.Errorf("it is gone: %w", fs.ErrNotExist)
		}
		if err != nil {
			return Stats{}, fmt.Errorf("statistics of group %s: %w", m.group.name, err)
		}
		if text != "" {
			c.into(&s, text)
		}
	}
	return s, nil
}

// text is what the file says now; a file that the kernel does not have says
// nothing.
func (m *Meter) text(name string) (string, error) {
	f, known := m.files[name]
	if !known {
		dir, ok := m.group.Dir(file{name: name}.controller())
		if ok {
			opened, err := os.Open(filepath.Join(dir, name))
			if _, alive := os.Lstat(dir); alive != nil {
				return "", alive
			}
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return "", err
			}
			f = opened
		}
		m.files[name] = f
	}
	if f == nil {
		return "", nil
	}
	for {
		n, err := f.ReadAt(m.buf, 0)
		if err != nil && err != io.EOF && !unsupported(err) {
			return "", fmt.Errorf("read %s: %w", f.Name(), err)
		}
		if n < len(m.buf) {
			return string(m.buf[:n]), nil
		}
		m.buf = make([]byte, 2*len(m.buf))
	}
}

// A counter is a file and what its text means.
type counter struct {
	name string
	into func(s *Stats, text string)
}

// unifiedCounters are the files of v2. See cgroup-v2.rst.
var unifiedCounters = []counter{
	{"memory.current", func(s *Stats, text string) { s.MemoryUsage = signed(text) }},
	{"memory.peak", func(s *Stats, text string) { s.MemoryPeak = signed(text) }},
	{"memory.max", func(s *Stats, text string) { s.MemoryLimit = signed(text) }},
	{"memory.stat", func(s *Stats, text string) {
		s.MemoryStat = pairs(text)
		s.MemoryCache = int64(s.MemoryStat["file"])
	}},
	{"memory.events", func(s *Stats, text string) { s.OOMKills = pairs(text)["oom_kill"] }},
	{"cpu.stat", func(s *Stats, text string) {
		p := pairs(text)
		s.CPUUsage, s.CPUUser, s.CPUSystem = p["usage_usec"]*1000, p["user_usec"]*1000, p["system_usec"]*1000
		s.CPUPeriods, s.CPUThrottled, s.CPUThrottledTime = p["nr_periods"], p["nr_throttled"], p["throttled_usec"]*1000
	}},
	{"pids.current", func(s *Stats, text string) { s.PIDs = unsigned(text) }},
	{"pids.max", func(s *Stats, text string) { s.PIDsLimit = unsigned(text) }},
	{"io.stat", func(s *Stats, text string) { s.IO = ioStat(text) }},
	{"cpu.pressure", func(s *Stats, text string) { s.Pressure.CPU = someTotal(text) }},
	{"memory.pressure", func(s *Stats, text string) { s.Pressure.Memory = someTotal(text) }},
	{"io.pressure", func(s *Stats, text string) { s.Pressure.IO = someTotal(text) }},
}

// legacyCounters are the files of v1. See cgroup-v1/memory.rst and its
// neighbours.
var legacyCounters = []counter{
	{"memory.usage_in_bytes", func(s *Stats, text string) { s.MemoryUsage = signed(text) }},
	{"memory.max_usage_in_bytes", func(s *Stats, text string) { s.MemoryPeak = signed(text) }},
	{"memory.limit_in_bytes", func(s *Stats, text string) {
		if limit := signed(text); limit < unlimited {
			s.MemoryLimit = limit
		}
	}},
	{"memory.stat", func(s *Stats, text string) {
		s.MemoryStat = pairs(text)
		s.MemoryCache = int64(s.MemoryStat["total_cache"])
	}},
	{"memory.oom_control", func(s *Stats, text string) { s.OOMKills = pairs(text)["oom_kill"] }},
	{"cpuacct.usage", func(s *Stats, text string) { s.CPUUsage = unsigned(text) }},
	{"cpuacct.usage_user", func(s *Stats, text string) { s.CPUUser = unsigned(text) }},
	{"cpuacct.usage_sys", func(s *Stats, text string) { s.CPUSystem = unsigned(text) }},
	{"cpu.stat", func(s *Stats, text string) {
		p := pairs(text)
		s.CPUPeriods, s.CPUThrottled, s.CPUThrottledTime = p["nr_periods"], p["nr_throttled"], p["throttled_time"]
	}},
	{"pids.current", func(s *Stats, text string) { s.PIDs = unsigned(text) }},
	{"pids.max", func(s *Stats, text string) { s.PIDsLimit = unsigned(text) }},
	{"blkio.throttle.io_service_bytes", func(s *Stats, text string) { blkio(s, text, (*IOStat).bytes) }},
	{"blkio.throttle.io_serviced", func(s *Stats, text string) { blkio(s, text, (*IOStat).ops) }},
}

// unlimited is about what v1 shows when there is no limit: the largest
// number of pages, in bytes, whatever the size of a page is.
const unlimited = 1 << 62

// signed reads a number; "max" is zero: no limit.
func signed(text string) int64 {
	n, _ := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return n
}

func unsigned(text string) uint64 {
	n, _ := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	return n
}

// pairs reads lines of a name and a number.
func pairs(text string) map[string]uint64 {
	m := make(map[string]uint64, 64)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, " ")
		if n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64); err == nil {
			m[name] = n
		}
	}
	return m
}

// ioStat reads v2's lines: "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0".
func ioStat(text string) []IOStat {
	var all []IOStat
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		d, ok := device(fields[0])
		if !ok {
			continue
		}
		for _, f := range fields[1:] {
			name, value, _ := strings.Cut(f, "=")
			d.set(name, unsigned(value))
		}
		all = append(all, d)
	}
	return all
}

func (d *IOStat) set(name string, n uint64) {
	switch name {
	case "rbytes":
		d.ReadBytes = n
	case "wbytes":
		d.WriteBytes = n
	case "rios":
		d.ReadOps = n
	case "wios":
		d.WriteOps = n
	case "dbytes":
		d.DiscardBytes = n
	case "dios":
		d.DiscardOps = n
	}
}

// blkio reads v1's lines: "8:0 Read 4096". Field finds where the number goes.
func blkio(s *Stats, text string, field func(*IOStat, string) *uint64) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue // the last line is a total
		}
		d, ok := device(f[0])
		if p := field(s.device(d), f[1]); ok && p != nil {
			*p = unsigned(f[2])
		}
	}
}

// device finds the line of the device of d, or begins it.
func (s *Stats) device(d IOStat) *IOStat {
	for i := range s.IO {
		if s.IO[i].Major == d.Major && s.IO[i].Minor == d.Minor {
			return &s.IO[i]
		}
	}
	s.IO = append(s.IO, d)
	return &s.IO[len(s.IO)-1]
}

func (d *IOStat) bytes(op string) *uint64 {
	return map[string]*uint64{"Read": &d.ReadBytes, "Write": &d.WriteBytes, "Discard": &d.DiscardBytes}[op]
}

func (d *IOStat) ops(op string) *uint64 {
	return map[string]*uint64{"Read": &d.ReadOps, "Write": &d.WriteOps, "Discard": &d.DiscardOps}[op]
}

// device reads "8:0".
func device(text string) (IOStat, bool) {
	major, minor, _ := strings.Cut(text, ":")
	a, err1 := strconv.ParseUint(major, 10, 32)
	b, err2 := strconv.ParseUint(minor, 10, 32)
	return IOStat{Major: uint32(a), Minor: uint32(b)}, err1 == nil && err2 == nil
}

// someTotal reads "some avg10=0.00 avg60=0.00 avg300=0.00 total=1234".
func someTotal(text string) uint64 {
	line, _, _ := strings.Cut(text, "\n")
	_, total, _ := strings.Cut(line, "total=")
	return unsigned(total)
}

// unsupported is what the kernel says of pressure when it does not count it.
func unsupported(err error) bool { return errors.Is(err, errors.ErrUnsupported) }
