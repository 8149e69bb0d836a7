package shim

import (
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// restAfter is how long a container lives before its shim lies down. Most of
// what a short one needs of its shim at birth it needs again at its end.
const restAfter = time.Second

// rest gives back the pages of the program that were needed for the birth. A
// shim waits for hours and then needs few of them: the kernel brings those
// back from the sealed file when they are touched. What is thrown away is
// never more than a mapping of clean pages. See madvise(2).
func rest() {
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
