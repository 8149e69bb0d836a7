package daemon

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/container"
)

// Top lists the processes of a container, as the host's ps shows them.
func (d *Daemon) Top(ref, arguments string) (container.TopResponse, error) {
	if arguments == "" {
		arguments = "-ef"
	}
	b, err := d.open(ref)
	if err != nil {
		return container.TopResponse{}, err
	}
	alive, group := b.status().Alive(), b.group
	b.mu.Unlock() // ps may take its time
	var pids []int
	if alive {
		pids, err = group.PIDs()
	}
	if !alive || vanished(err) {
		return container.TopResponse{}, conflict("container %s is not running", b.id)
	}
	if err != nil {
		return container.TopResponse{}, err
	}
	if strings.TrimSpace(arguments) == "-ef" {
		return table(pids), nil
	}
	out, err := ps(arguments)
	if err != nil {
		return container.TopResponse{}, err
	}
	return ofPIDs(out, pids)
}

// table is what `ps -ef` prints, read from proc(5), so that a host needs no
// ps.
func table(pids []int) container.TopResponse {
	t := container.TopResponse{Titles: []string{"UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"}, Processes: [][]string{}}
	for _, pid := range pids {
		if p, ok := readProcess(pid); ok {
			t.Processes = append(t.Processes, p.row())
		}
	}
	return t
}

// badArguments would make ps leave out the column PID or take files as
// arguments.
var badArguments = regexp.MustCompile(`[^\w\s,:=%\-+]`)

func ps(arguments string) ([]byte, error) {
	if badArguments.MatchString(arguments) {
		return nil, invalid("ps: bad arguments %q", arguments)
	}
	out, err := exec.Command("ps", strings.Fields(arguments)...).Output()
	if err != nil {
		return nil, fmt.Errorf("error running ps: %w", err)
	}
	return out, nil
}

// ofPIDs keeps the lines of ps that belong to pids.
func ofPIDs(out []byte, pids []int) (container.TopResponse, error) {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	titles := strings.Fields(lines[0])
	column := slices.Index(titles, "PID")
	if column < 0 {
		return container.TopResponse{}, invalid("Couldn't find PID field in ps output")
	}
	t := container.TopResponse{Titles: titles, Processes: [][]string{}}
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		if len(fields) <= column {
			continue
		}
		if pid, err := strconv.Atoi(fields[column]); err == nil && slices.Contains(pids, pid) {
			last := min(len(titles), len(fields)) - 1
			t.Processes = append(t.Processes, append(fields[:last:last], strings.Join(fields[last:], " ")))
		}
	}
	return t, nil
}

// A process is one row of ps.
type process struct {
	uid, pid, ppid int
	tty            int
	ticks          uint64 // of CPU time, 100 a second
	start          uint64 // ticks after the boot
	command        string
}

// readProcess reads proc_pid_stat(5), proc_pid_cmdline(5) and the owner.
func readProcess(pid int) (p process, ok bool) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return p, false
	}
	open, end := strings.IndexByte(string(stat), '('), strings.LastIndexByte(string(stat), ')')
	if open < 0 || end < open {
		return p, false
	}
	fields := strings.Fields(string(stat[end+1:]))
	if len(fields) < 20 {
		return p, false
	}
	number := func(i int) uint64 { n, _ := strconv.ParseUint(fields[i], 10, 64); return n }
	p = process{pid: pid, ppid: int(number(1)), tty: int(number(4)), ticks: number(11) + number(12), start: number(19)}
	p.uid = owner(dir)
	p.command = "[" + string(stat[open+1:end]) + "]"
	if line, err := os.ReadFile(dir + "/cmdline"); err == nil && len(line) > 0 {
		p.command = strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))
	}
	return p, true
}
