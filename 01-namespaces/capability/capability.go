// Package capability handles sets of capabilities, the forty-one pieces into
// which Linux has cut the power of root: who has CAP_NET_ADMIN may configure
// the network, and nothing else. A container's root keeps fourteen of them. See
// capabilities(7).
package capability

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// A Set is a set of capabilities; bit n stands for capability number n.
type Set uint64

// names are the capabilities by number, as capabilities(7) lists them.
var names = []string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL",
	"SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE",
	"NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT",
	"SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME",
	"SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL",
	"SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM",
	"BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
}

// Of is the set of the capabilities with these numbers (unix.CAP_…).
func Of(numbers ...int) Set {
	var s Set
	for _, n := range numbers {
		s |= 1 << n
	}
	return s
}

// Default is what Docker leaves to the root of a container: 14 capabilities.
func Default() Set {
	return Of(unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FSETID,
		unix.CAP_FOWNER, unix.CAP_MKNOD, unix.CAP_NET_RAW, unix.CAP_SETGID,
		unix.CAP_SETUID, unix.CAP_SETFCAP, unix.CAP_SETPCAP,
		unix.CAP_NET_BIND_SERVICE, unix.CAP_SYS_CHROOT, unix.CAP_KILL,
		unix.CAP_AUDIT_WRITE)
}

// All is every capability in our own bounding set: nobody can be given more.
// See PR_CAPBSET_READ in prctl(2).
func All() Set {
	var s Set
	for n := range 64 {
		held, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(n), 0, 0, 0)
		if err != nil {
			break // the kernel knows no capability of this number
		}
		s |= Set(held) << n
	}
	return s
}

// Parse reads names as Docker accepts them: "NET_ADMIN", "CAP_NET_ADMIN", in
// any case. "ALL" is All().
func Parse(list []string) (Set, error) {
	var s Set
	for _, name := range list {
		one, err := parse(name)
		if err != nil {
			return 0, err
		}
		s |= one
	}
	return s, nil
}

func parse(name string) (Set, error) {
	short := strings.TrimPrefix(strings.ToUpper(name), "CAP_")
	if short == "ALL" {
		return All(), nil
	}
	for n, known := range names {
		if short == known {
			return 1 << n, nil
		}
	}
	return 0, fmt.Errorf("unknown capability: %q", name)
}

// Has says whether capability number n (unix.CAP_…) is in the set.
func (s Set) Has(n int) bool { return s>>n&1 == 1 }

// Names are the capabilities of the set by full name, in order of number.
func (s Set) Names() []string {
	var list []string
	for n := range 64 {
		if s.Has(n) {
			list = append(list, Name(n))
		}
	}
	return list
}

// Name is the full name of capability number n: "CAP_NET_ADMIN".
func Name(n int) string {
	if n < len(names) {
		return "CAP_" + names[n]
	}
	return fmt.Sprintf("CAP_%d", n)
}

// String lists the names, separated by commas; the empty set is "none".
func (s Set) String() string {
	if s == 0 {
		return "none"
	}
	return strings.Join(s.Names(), ",")
}
