// Package namespace names the kinds of Linux namespaces and runs code inside
// one that exists. See namespaces(7).
package namespace

import "golang.org/x/sys/unix"

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

// Path is the file that stands for the namespace of one kind that process pid
// is in, like /proc/1/ns/net.
func Path(pid int, kind Kind) string { panic("seam") }

// Do runs fn on an OS thread that has entered the namespace at path, and
// throws the thread away afterwards. setns(2).
func Do(path string, fn func() error) error { panic("seam") }
