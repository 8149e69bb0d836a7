package daemon

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// userHZ is the unit of times in proc(5), the same on every architecture that
// Go knows.
const userHZ = 100

func owner(path string) int {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return 0
}

// row is the process in the columns of `ps -ef`.
func (p process) row() []string {
	name := strconv.Itoa(p.uid)
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	spent := p.ticks / userHZ
	started := bootTime().Add(time.Duration(p.start) * time.Second / userHZ)
	busy := uint64(0)
	if alive := time.Since(started); alive > 0 {
		busy = p.ticks * uint64(time.Second) / userHZ * 100 / uint64(alive)
	}
	return []string{
		name, strconv.Itoa(p.pid), strconv.Itoa(p.ppid), strconv.FormatUint(busy, 10), started.Format("15:04"),
		terminal(p.tty), fmt.Sprintf("%02d:%02d:%02d", spent/3600, spent/60%60, spent%60), p.command,
	}
}

// terminal names a device number as ps does. See proc_pid_stat(5), tty_nr.
func terminal(number int) string {
	major, minor := number>>8&0xfff, number&0xff|number>>12&0xfff00
	switch {
	case number == 0:
		return "?"
	case major >= 136 && major <= 143:
		return fmt.Sprintf("pts/%d", (major-136)<<20|minor)
	default:
		return fmt.Sprintf("%d/%d", major, minor)
	}
}

// procStat returns the fields of the line of /proc/stat that starts with name.
func procStat(name string) []string {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == name {
			return fields[1:]
		}
	}
	return nil
}

// bootTime is when the machine started. See proc_stat(5).
func bootTime() time.Time {
	if fields := procStat("btime"); fields != nil {
		if n, err := strconv.ParseInt(fields[0], 10, 64); err == nil {
			return time.Unix(n, 0)
		}
	}
	return time.Time{}
}

// systemCPU is the time that all CPUs have spent, in nanoseconds: the sum of
// the first seven fields, as clients of Docker's statistics expect.
func systemCPU() uint64 {
	var ticks uint64
	for i, field := range procStat("cpu") {
		if n, err := strconv.ParseUint(field, 10, 64); err == nil && i < 7 {
			ticks += n
		}
	}
	return ticks * uint64(time.Second) / userHZ
}
