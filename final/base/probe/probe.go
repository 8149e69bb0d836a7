// Package probe reads, from inside, what a process can see of its world:
// namespaces, mounts, ids, capabilities, groups, limits, interfaces, processes
// and descriptors. Checks compare such facts instead of guessing.
package probe

import (
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Report is everything at once. What cannot be read is missing, and Errors
// says why.
type Report struct {
	PID        int               `json:"pid"`
	PPID       int               `json:"ppid"`
	UID        int               `json:"uid"`
	GID        int               `json:"gid"`
	Groups     []int             `json:"groups"`
	Hostname   string            `json:"hostname"`
	Dir        string            `json:"dir"`
	Args       []string          `json:"args"`
	Env        []string          `json:"env"`
	Namespaces map[string]string `json:"namespaces"` // kind → "net:[4026531840]"
	UIDMap     []string          `json:"uid_map"`
	GIDMap     []string          `json:"gid_map"`
	Caps       map[string]string `json:"capabilities"` // inheritable, permitted, effective, bounding, ambient: hexadecimal
	NoNewPrivs bool              `json:"no_new_privs"`
	Seccomp    int               `json:"seccomp"` // 0 off, 2 filtered
	OOMScore   int               `json:"oom_score_adj"`
	Cgroups    []string          `json:"cgroups"`
	Limits     map[string]Limit  `json:"rlimits"`
	Mounts     []Mount           `json:"mounts"`
	Interfaces []Interface       `json:"interfaces"`
	PIDs       []int             `json:"pids"` // the processes that /proc shows
	FDs        map[string]string `json:"fds"`  // number → what it points at
	Terminal   bool              `json:"terminal"`
	Errors     []string          `json:"errors,omitempty"`
}

// A Limit is one resource limit; -1 is no limit.
type Limit struct {
	Soft int64 `json:"soft"`
	Hard int64 `json:"hard"`
}

// A Mount is one line of mountinfo.
type Mount struct {
	Target  string   `json:"target"`
	Type    string   `json:"type"`
	Source  string   `json:"source"`
	Root    string   `json:"root"`
	Options []string `json:"options"`
	Shared  bool     `json:"shared"`
}

// An Interface is one network device.
type Interface struct {
	Name      string   `json:"name"`
	MAC       string   `json:"mac"`
	MTU       int      `json:"mtu"`
	Up        bool     `json:"up"`
	Addresses []string `json:"addresses"`
}

// Read asks the kernel about the calling process. See proc(5), namespaces(7),
// capabilities(7) and getrlimit(2).
func Read() Report {
	r := Report{
		PID: os.Getpid(), PPID: os.Getppid(), UID: os.Geteuid(), GID: os.Getegid(),
		Args: os.Args, Env: os.Environ(),
		Namespaces: map[string]string{}, Caps: map[string]string{}, Limits: map[string]Limit{}, FDs: map[string]string{},
	}
	var err error
	r.Groups, err = os.Getgroups()
	r.note(err)
	r.Hostname, err = os.Hostname()
	r.note(err)
	r.Dir, err = os.Getwd()
	r.note(err)
	r.links("/proc/self/ns", r.Namespaces)
	r.links("/proc/self/fd", r.FDs)
	r.UIDMap, r.GIDMap = r.lines("/proc/self/uid_map"), r.lines("/proc/self/gid_map")
	r.Cgroups = r.lines("/proc/self/cgroup")
	if score := r.lines("/proc/self/oom_score_adj"); len(score) > 0 {
		r.OOMScore, _ = strconv.Atoi(score[0])
	}
	r.status()
	r.limits()
	r.mounts()
	r.interfaces()
	r.processes()
	_, err = unix.IoctlGetTermios(0, unix.TCGETS)
	r.Terminal = err == nil
	return r
}

// note keeps an error.
func (r *Report) note(err error) {
	if err != nil {
		r.Errors = append(r.Errors, err.Error())
	}
}

// lines reads a file of /proc, with single spaces.
func (r *Report) lines(path string) []string {
	text, err := os.ReadFile(path)
	r.note(err)
	var all []string
	for line := range strings.Lines(string(text)) {
		all = append(all, strings.Join(strings.Fields(line), " "))
	}
	return all
}

// links reads a directory of links.
func (r *Report) links(dir string, into map[string]string) {
	entries, err := os.ReadDir(dir)
	r.note(err)
	for _, e := range entries {
		if text, err := os.Readlink(dir + "/" + e.Name()); err == nil { // the descriptor of dir itself is gone
			into[e.Name()] = text
		}
	}
}

// status reads what only /proc/self/status tells. See proc_pid_status(5).
func (r *Report) status() {
	caps := map[string]string{"CapInh": "inheritable", "CapPrm": "permitted", "CapEff": "effective", "CapBnd": "bounding", "CapAmb": "ambient"}
	for _, line := range r.lines("/proc/self/status") {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case caps[key] != "":
			r.Caps[caps[key]] = value
		case key == "NoNewPrivs":
			r.NoNewPrivs = value == "1"
		case key == "Seccomp":
			r.Seccomp, _ = strconv.Atoi(value)
		}
	}
}

// limits reads all limits at once. The soft limit of open files is no witness:
// a Go program raises its own to the hard one when it starts, and gives the
// old one back to what it executes. See getrlimit(2) and proc_pid_limits(5).
func (r *Report) limits() {
	names := map[string]string{
		"Max cpu time": "cpu", "Max file size": "fsize", "Max data size": "data", "Max stack size": "stack",
		"Max core file size": "core", "Max resident set": "rss", "Max processes": "nproc", "Max open files": "nofile",
		"Max locked memory": "memlock", "Max address space": "as", "Max file locks": "locks", "Max pending signals": "sigpending",
		"Max msgqueue size": "msgqueue", "Max nice priority": "nice", "Max realtime priority": "rtprio", "Max realtime timeout": "rttime",
	}
	for _, line := range r.lines("/proc/self/limits") {
		for front, name := range names {
			if rest, ok := strings.CutPrefix(line, front+" "); ok {
				f := strings.Fields(rest)
				r.Limits[name] = Limit{limit(f[0]), limit(f[1])}
			}
		}
	}
}

// limit reads a number or "unlimited".
func limit(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// mounts reads the mount table. See proc_pid_mountinfo(5).
func (r *Report) mounts() {
	for _, line := range r.lines("/proc/self/mountinfo") {
		front, back, ok := strings.Cut(line, " - ")
		f, b := strings.Fields(front), strings.Fields(back)
		if !ok || len(f) < 6 || len(b) < 3 {
			r.note(fmt.Errorf("mountinfo: not a mount: %q", line))
			continue
		}
		m := Mount{Target: plain(f[4]), Root: plain(f[3]), Type: b[0], Source: plain(b[1])}
		m.Options = append(strings.Split(f[5], ","), strings.Split(b[2], ",")...)
		slices.Sort(m.Options)
		m.Options = slices.Compact(m.Options)
		m.Shared = strings.Contains(strings.Join(f[6:], " "), "shared:")
		r.Mounts = append(r.Mounts, m)
	}
}

// plain turns the octal escapes of mountinfo back.
func plain(text string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(text)
}

// interfaces asks over netlink(7).
func (r *Report) interfaces() {
	all, err := net.Interfaces()
	r.note(err)
	for _, link := range all {
		i := Interface{Name: link.Name, MAC: link.HardwareAddr.String(), MTU: link.MTU, Up: link.Flags&net.FlagUp != 0, Addresses: []string{}}
		own, err := link.Addrs()
		r.note(err)
		for _, address := range own {
			i.Addresses = append(i.Addresses, address.String())
		}
		r.Interfaces = append(r.Interfaces, i)
	}
}

// processes lists who else is here.
func (r *Report) processes() {
	entries, err := os.ReadDir("/proc")
	r.note(err)
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			r.PIDs = append(r.PIDs, pid)
		}
	}
	slices.Sort(r.PIDs)
}
