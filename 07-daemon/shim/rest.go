package shim

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// restAfter is how long there must be nothing to do before a shim lies down.
// Most of what a short container needs of its shim at birth it needs again at
// its end.
const restAfter = time.Second

// rest makes the shim small for the hours that it will wait: the garbage of
// its execs goes, and the code that it has needed so far. Without execs there
// is less garbage than a collection costs.
func (m *monitor) rest() {
	m.mu.Lock()
	worked := m.worked
	m.worked = false
	m.mu.Unlock()
	if worked {
		debug.FreeOSMemory()
	}
	dropCode()
}

// dropCode gives back the pages of the program itself: the kernel brings them
// back from the sealed file when they are touched. What is thrown away is
// never more than a mapping of clean pages. See madvise(2).
func dropCode() {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		if start, size, ok := clean(line); ok {
			unix.Madvise(unsafe.Slice((*byte)(start), size), unix.MADV_DONTNEED)
		}
	}
}

// clean reads a line of proc_pid_maps(5) and tells whether it is a read-only
// mapping of the program: "00400000-00514000 r-xp … /memfd:drydock-shim".
func clean(line string) (start unsafe.Pointer, size int, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 6 || !strings.HasPrefix(fields[1], "r-") || !strings.HasPrefix(fields[5], "/memfd:"+processName) {
		return nil, 0, false
	}
	low, high, _ := strings.Cut(fields[0], "-")
	from, err := strconv.ParseUint(low, 16, 64)
	if err != nil {
		return nil, 0, false
	}
	to, err := strconv.ParseUint(high, 16, 64)
	if err != nil || to < from {
		return nil, 0, false
	}
	return unsafe.Add(nil, from), int(to - from), true
}
