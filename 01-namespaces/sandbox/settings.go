package sandbox

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/namespace"
)

// oomScore tells the kernel how readily to kill the process when memory runs
// out. It is written through the host's /proc, before an image could have put
// anything in its way. See proc_pid_oom_score_adj(5).
func oomScore(p Process) []Call {
	if p.OOMScore == nil {
		return nil
	}
	return writeFile("/proc/self/oom_score_adj", strconv.Itoa(*p.OOMScore))
}

// writeFile writes a line to a file of the host. See open(2), write(2).
func writeFile(path, text string) []Call {
	return []Call{
		{Name: "openat", Args: []any{unix.AT_FDCWD, path, unix.O_WRONLY | unix.O_CLOEXEC},
			Save: path, Text: "open " + path},
		{Name: "write", Args: []any{Result(path), text, len(text)},
			Text: fmt.Sprintf("write %q to %s", text, path)},
	}
}

// takeStdio puts the three standard descriptors in their places. The mask of
// file modes is cleared, so that what the list creates gets the mode that it
// says. See dup(2), umask(2).
func takeStdio() []Call {
	return []Call{
		{Name: "umask", Args: []any{0}, Text: "clear the file mode mask"},
		{Name: "dup3", Args: []any{stdin, 0, 0}, Text: "take standard input"},
		{Name: "dup3", Args: []any{stdout, 1, 0}, Text: "take standard output"},
		{Name: "dup3", Args: []any{stderr, 2, 0}, Text: "take standard error"},
	}
}

// The descriptors around the control socket: everything between the standard
// three and it, and everything behind it, is the parent's.
const (
	belowControl Inherited = "control - 1"
	aboveControl Inherited = "control + 1"
)

// dropInherited closes every other descriptor that the fork copied. A link
// in the image could name them (/proc/self/fd/7/../..) and lead out
// (CVE-2024-21626). See close_range(2).
func dropInherited() []Call {
	return []Call{
		{Name: "close_range", Args: []any{3, belowControl, 0}, When: unix.EINVAL,
			Text: "close the parent's descriptors"},
		{Name: "close_range", Args: []any{aboveControl, uint64(1<<32 - 1), 0},
			Text: "close the parent's other descriptors"},
	}
}

// loopback sets lo up: a new network namespace has it, but down. See
// netdevice(7).
func (s Spec) loopback() []Call {
	if s.New&namespace.Net == 0 {
		return nil
	}
	request := make([]byte, 40) // struct ifreq
	copy(request, "lo")
	binary.NativeEndian.PutUint16(request[16:], unix.IFF_UP)
	return []Call{
		{Name: "socket", Args: []any{unix.AF_INET, unix.SOCK_DGRAM | unix.SOCK_CLOEXEC, 0},
			Save: "socket", Text: "open a socket, to ask for lo"},
		{Name: "ioctl", Args: []any{Result("socket"), unix.SIOCSIFFLAGS, request}, Text: "set lo up"},
	}
}

// names gives the new UTS namespace its names. See sethostname(2).
func (s Spec) names() []Call {
	var calls []Call
	if s.Hostname != "" {
		calls = append(calls, Call{Name: "sethostname", Args: []any{s.Hostname, len(s.Hostname)},
			Text: "set the host name to " + s.Hostname})
	}
	if s.Domainname != "" {
		calls = append(calls, Call{Name: "setdomainname", Args: []any{s.Domainname, len(s.Domainname)},
			Text: "set the domain name to " + s.Domainname})
	}
	return calls
}

// namespaced are the kernel parameters of which each namespace of a kind has
// its own; every other one belongs to the whole machine.
var namespaced = []struct {
	prefix string
	kind   namespace.Kind
}{
	{"net.", namespace.Net},
	{"fs.mqueue.", namespace.IPC},
	{"kernel.msg", namespace.IPC},
	{"kernel.shm", namespace.IPC},
	{"kernel.sem", namespace.IPC},
}

// sysctls sets kernel parameters of the new namespaces, in alphabetical
// order. A file below /proc/sys shows the namespaces of the process that
// opens it, so the host's own /proc serves, out of the image's reach
// (CVE-2025-52881). See proc_sys(5).
func (s Spec) sysctls() ([]Call, error) {
	var calls []Call
	for _, name := range slices.Sorted(maps.Keys(s.Sysctls)) {
		if err := s.owns(name); err != nil {
			return nil, err
		}
		path := "/proc/sys/" + strings.ReplaceAll(name, ".", "/")
		calls = append(calls, writeFile(path, s.Sysctls[name])...)
	}
	return calls, nil
}

// owns says whether the parameter belongs to a namespace of the Spec.
func (s Spec) owns(name string) error {
	if strings.Contains(name, "/") || strings.Contains(name, "..") {
		return fmt.Errorf("sysctl %q: names are written with single dots", name)
	}
	for _, n := range namespaced {
		if !strings.HasPrefix(name, n.prefix) {
			continue
		}
		if s.New&n.kind != 0 || s.joins(n.kind) {
			return nil
		}
		return fmt.Errorf("sysctl %q needs a %s namespace of its own", name, n.kind)
	}
	return fmt.Errorf("sysctl %q is not in a separate kernel namespace", name)
}

// joins says whether one of the namespaces to join looks like this kind.
func (s Spec) joins(kind namespace.Kind) bool {
	return slices.ContainsFunc(s.Join, func(path string) bool {
		return isNamespace(path, kind)
	})
}

// rlimits sets the limits of the process. See prlimit(2).
func rlimits(p Process) []Call {
	var calls []Call
	for _, r := range p.Rlimits {
		calls = append(calls, Call{Name: "prlimit64", Args: []any{0, r.Type, words(r.Soft, r.Hard), 0},
			Text: fmt.Sprintf("set resource limit %d to %d:%d", r.Type, r.Soft, r.Hard)})
	}
	return calls
}
