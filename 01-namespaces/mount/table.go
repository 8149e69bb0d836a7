package mount

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// An Entry is one line of the mount table. See proc_pid_mountinfo(5).
type Entry struct {
	ID, Parent   int
	Major, Minor int
	Root         string // what of the file system is visible here
	Target       string // where
	Options      []string
	Optional     []string // propagation: "shared:1", "master:2", …
	Type, Source string
	Super        []string // options of the file system
}

// Table is the mount table of the caller's mount namespace.
func Table() ([]Entry, error) {
	f, err := os.Open("/proc/thread-self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("read the mount table: %w", err)
	}
	defer f.Close()
	return ReadTable(f)
}

// ReadTable reads a table in the format of /proc/PID/mountinfo.
func ReadTable(r io.Reader) ([]Entry, error) {
	var table []Entry
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20) // an overlay of many layers has long lines
	for lines.Scan() {
		e, err := parseEntry(lines.Text())
		if err != nil {
			return nil, err
		}
		table = append(table, e)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the mount table: %w", err)
	}
	return table, nil
}

// parseEntry reads one line:
//
//	36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
//	id parent dev root target options optional…  - type source super
func parseEntry(line string) (Entry, error) {
	bad := func() (Entry, error) { return Entry{}, fmt.Errorf("no line of a mount table: %q", line) }
	before, after, ok := strings.Cut(line, " - ")
	f, fs := strings.Split(before, " "), strings.Split(after, " ")
	if !ok || len(f) < 6 || len(fs) < 3 {
		return bad()
	}
	major, minor, ok := strings.Cut(f[2], ":")
	var numbers [4]int
	for i, text := range []string{f[0], f[1], major, minor} {
		n, err := strconv.Atoi(text)
		if err != nil || !ok {
			return bad()
		}
		numbers[i] = n
	}
	return Entry{
		ID: numbers[0], Parent: numbers[1], Major: numbers[2], Minor: numbers[3],
		Root: unescape(f[3]), Target: unescape(f[4]), Options: strings.Split(f[5], ","), Optional: f[6:],
		Type: unescape(fs[0]), Source: unescape(fs[1]), Super: strings.Split(fs[2], ","),
	}, nil
}

// unescape turns \040 back into a space: the kernel writes space, tab, line
// feed and backslash as three octal digits.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
