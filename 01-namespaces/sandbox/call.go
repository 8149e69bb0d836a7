package sandbox

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// A Call is one system call of a container's birth, as plain data: it can be
// printed, compared in tests without root, and performed by the walker.
//
// Its arguments are numbers (int, uint64), memory ([]byte, string, []string,
// a seccomp.Program), the Result of an earlier call, or an Inherited
// descriptor of whoever spawns.
type Call struct {
	// Name is the system call: "mount". Its manual page is Name(2).
	Name string
	Args []any
	// Text says in words what the call is for: "mount proc on /proc". It is
	// what the error says when the call fails.
	Text string
	// Save keeps what the call returned under this name, for a Result.
	Save string
	// When the call ends with the error When, that is no failure, and the
	// walker skips the next Skip calls. The zero When is success: then Skip
	// says what not to do after it. AnyError forgives everything.
	When unix.Errno
	Skip int
	// Unless names an earlier result; when that call succeeded, this one is
	// not made.
	Unless string
}

// AnyError as a Call's When: whatever the kernel says, go on.
const AnyError = ^unix.Errno(0)

// A Result stands for what the earlier call with this Save returned.
type Result string

// An Inherited stands for a descriptor that the child has from its parent.
type Inherited string

// The descriptors that a child may inherit, besides "group N", a door of
// Process.Group, and "namespace N", a file of Spec.Join.
const (
	control    Inherited = "control" // our end of the socket to the parent
	stdin      Inherited = "stdin"
	stdout     Inherited = "stdout"
	stderr     Inherited = "stderr"
	ownBox     Inherited = "box"     // Enter: a pidfd of the process to join
	ownConsole Inherited = "console" // Enter: the terminal
)

// String is the call in words, like "mount proc on /proc".
func (c Call) String() string { return c.Text }

// Page is the manual page that explains the call, like "mount(2)".
func (c Call) Page() string { return c.Name + "(2)" }

// Syntax is the call as strace(1) would print it, as far as it is known
// before it is made.
func (c Call) Syntax() string {
	args := make([]string, len(c.Args))
	for i, arg := range c.Args {
		args[i] = syntax(arg)
	}
	text := fmt.Sprintf("%s(%s)", c.Name, strings.Join(args, ", "))
	if c.Save != "" {
		text += " = <" + c.Save + ">"
	}
	return text
}

func syntax(arg any) string {
	switch a := arg.(type) {
	case int:
		if a == unix.AT_FDCWD {
			return "AT_FDCWD"
		}
		return fmt.Sprint(a)
	case uint64:
		return fmt.Sprintf("%#x", a)
	case string:
		return fmt.Sprintf("%q", a)
	case []string:
		return fmt.Sprintf("[%d strings]", len(a))
	case []byte:
		return fmt.Sprintf("[%d bytes]", len(a))
	case Result:
		return "<" + string(a) + ">"
	case Inherited:
		return "<" + string(a) + ">"
	}
	return fmt.Sprintf("%T", arg)
}

// numbers are the system calls that a birth may need. The pages of section 2
// of the manual carry the same names.
var numbers = map[string]uintptr{
	"capset":         unix.SYS_CAPSET,
	"chdir":          unix.SYS_CHDIR,
	"close_range":    unix.SYS_CLOSE_RANGE,
	"dup3":           unix.SYS_DUP3,
	"execve":         unix.SYS_EXECVE,
	"fchdir":         unix.SYS_FCHDIR,
	"fchmod":         unix.SYS_FCHMOD,
	"fchown":         unix.SYS_FCHOWN,
	"fsconfig":       unix.SYS_FSCONFIG,
	"fsmount":        unix.SYS_FSMOUNT,
	"fsopen":         unix.SYS_FSOPEN,
	"ioctl":          unix.SYS_IOCTL,
	"mkdirat":        unix.SYS_MKDIRAT,
	"mknodat":        unix.SYS_MKNODAT,
	"fchownat":       unix.SYS_FCHOWNAT,
	"mount":          unix.SYS_MOUNT,
	"mount_setattr":  unix.SYS_MOUNT_SETATTR,
	"move_mount":     unix.SYS_MOVE_MOUNT,
	"open_tree":      unix.SYS_OPEN_TREE,
	"openat":         unix.SYS_OPENAT,
	"openat2":        unix.SYS_OPENAT2,
	"pivot_root":     unix.SYS_PIVOT_ROOT,
	"prctl":          unix.SYS_PRCTL,
	"prlimit64":      unix.SYS_PRLIMIT64,
	"recvmsg":        unix.SYS_RECVMSG,
	"rt_sigaction":   unix.SYS_RT_SIGACTION,
	"rt_sigprocmask": unix.SYS_RT_SIGPROCMASK,
	"seccomp":        unix.SYS_SECCOMP,
	"setdomainname":  unix.SYS_SETDOMAINNAME,
	"setgroups":      unix.SYS_SETGROUPS,
	"sethostname":    unix.SYS_SETHOSTNAME,
	"setns":          unix.SYS_SETNS,
	"setresgid":      unix.SYS_SETRESGID,
	"setresuid":      unix.SYS_SETRESUID,
	"setsid":         unix.SYS_SETSID,
	"socket":         unix.SYS_SOCKET,
	"symlinkat":      unix.SYS_SYMLINKAT,
	"umask":          unix.SYS_UMASK,
	"umount2":        unix.SYS_UMOUNT2,
	"unshare":        unix.SYS_UNSHARE,
	"write":          unix.SYS_WRITE,
}
