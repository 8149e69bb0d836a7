// Package namespace names the kinds of Linux namespaces and runs code inside
// one that exists. A namespace is one view of something that the kernel would
// else show to all alike: mounts, host name, processes, network devices, users.
// It has no name, only a file, /proc/PID/ns/KIND, and lives as long as a process
// is in it or somebody keeps that file open. See namespaces(7).
package namespace

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// A Kind is a set of kinds of namespace; its bits are those of clone(2).
type Kind uint64

// The kinds of namespaces(7).
const (
	Mount  Kind = unix.CLONE_NEWNS
	UTS    Kind = unix.CLONE_NEWUTS
	IPC    Kind = unix.CLONE_NEWIPC
	PID    Kind = unix.CLONE_NEWPID
	Net    Kind = unix.CLONE_NEWNET
	User   Kind = unix.CLONE_NEWUSER
	Cgroup Kind = unix.CLONE_NEWCGROUP
)

// files are the names of the kinds below /proc/PID/ns.
var files = []struct {
	kind Kind
	name string
}{
	{Mount, "mnt"}, {UTS, "uts"}, {IPC, "ipc"}, {PID, "pid"},
	{Net, "net"}, {User, "user"}, {Cgroup, "cgroup"},
}

// String names the kinds in k as /proc/PID/ns does: "mnt|pid".
func (k Kind) String() string {
	var names []string
	for _, f := range files {
		if k&f.kind != 0 {
			names = append(names, f.name)
			k &^= f.kind
		}
	}
	if k != 0 {
		names = append(names, fmt.Sprintf("%#x", uint64(k)))
	}
	return strings.Join(names, "|")
}

// Path is the file that stands for the namespace of one kind that process pid
// is in, like /proc/1/ns/net.
func Path(pid int, kind Kind) string {
	return fmt.Sprintf("/proc/%d/ns/%s", pid, kind)
}
