package sandbox

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/capability"
)

// powers takes from the process what it may not have, in the one order that
// works: the bounding set while we may still change it, then the user, then
// the capabilities, last of all the filter that judges every later call.
//
// Without no_new_privs installing a filter takes CAP_SYS_ADMIN, which is
// therefore carried past the change of user and dropped right behind it. See
// capabilities(7), prctl(2), seccomp(2).
func powers(p Process, as program) []Call {
	left := p.Capabilities
	if as.user.uid != 0 {
		left = 0 // another user than root gets nothing to begin with
	}
	carry := p.Seccomp != nil && !p.NoNewPrivileges
	calls := join(bound(p.Capabilities), becomeUser(as, carry))
	if carry {
		calls = append(calls, capset(capability.Of(unix.CAP_SYS_ADMIN)|left, "keep what the filter needs"))
		calls = append(calls, filter(p)...)
	}
	calls = append(calls, noAmbient(), capset(left, "keep "+left.String()))
	if p.NoNewPrivileges {
		calls = append(calls, Call{Name: "prctl", Args: []any{unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0},
			Text: "give up all privileges that a program file could give"})
	}
	if !carry {
		calls = append(calls, filter(p)...)
	}
	return calls
}

// bound drops every other capability from the bounding set, which no later
// execve can exceed. A number that the kernel does not know is no harm. See
// PR_CAPBSET_DROP(2const).
func bound(keep capability.Set) []Call {
	var calls []Call
	for n := range unix.CAP_LAST_CAP + 1 {
		if !keep.Has(n) {
			calls = append(calls, Call{Name: "prctl", Args: []any{unix.PR_CAPBSET_DROP, n, 0, 0, 0},
				When: unix.EINVAL, Text: "drop " + capability.Name(n)})
		}
	}
	return calls
}

// becomeUser changes groups first: afterwards we may not any more. See
// setgroups(2), setresuid(2).
func becomeUser(as program, keepCaps bool) []Call {
	u := as.user
	groups := make([]byte, 0, 4*len(u.groups))
	for _, g := range u.groups {
		groups = binary.NativeEndian.AppendUint32(groups, g)
	}
	var calls []Call
	if !as.noGroups {
		calls = append(calls, Call{Name: "setgroups", Args: []any{len(u.groups), groups}, Text: fmt.Sprintf("take groups %v", u.groups)})
	}
	calls = append(calls, Call{Name: "setresgid", Args: []any{int(u.gid), int(u.gid), int(u.gid)}, Text: fmt.Sprintf("become group %d", u.gid)})
	if keepCaps {
		calls = append(calls, Call{Name: "prctl", Args: []any{unix.PR_SET_KEEPCAPS, 1, 0, 0, 0}, Text: "keep capabilities past the change of user"})
	}
	return append(calls, Call{Name: "setresuid", Args: []any{int(u.uid), int(u.uid), int(u.uid)}, Text: fmt.Sprintf("become user %d", u.uid)})
}

// noAmbient empties the set that would survive execve for an ordinary user.
// See PR_CAP_AMBIENT(2const).
func noAmbient() Call {
	return Call{Name: "prctl", Args: []any{unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0},
		Text: "clear the ambient capabilities"}
}

// capset sets the permitted and effective capabilities, and no inheritable
// ones (CVE-2022-24769): a file with inheritable capabilities would pick them
// up. See capset(2).
func capset(s capability.Set, text string) Call {
	low, high := uint32(s), uint32(s>>32)
	var data []byte
	for _, word := range []uint32{low, low, 0, high, high, 0} { // effective, permitted, inheritable
		data = binary.NativeEndian.AppendUint32(data, word)
	}
	head := binary.NativeEndian.AppendUint32(nil, unix.LINUX_CAPABILITY_VERSION_3)
	return Call{Name: "capset", Args: []any{append(head, 0, 0, 0, 0), data}, Text: text}
}

// filter installs the seccomp program. See seccomp(2).
func filter(p Process) []Call {
	if p.Seccomp == nil {
		return nil
	}
	return []Call{{Name: "seccomp", Args: []any{unix.SECCOMP_SET_MODE_FILTER, 0, p.Seccomp},
		Text: fmt.Sprintf("install a filter of %d instructions", len(p.Seccomp))}}
}
