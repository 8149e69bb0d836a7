package profile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A verdict is what becomes of a system call: the first of its rules that
// fits decides, otherwise the action.
type verdict struct {
	action uint32
	rules  []rule
}

// A rule decides if all its conditions hold.
type rule struct {
	action uint32
	args   []specs.LinuxSeccompArg
}

// actions are the return values of a filter. See seccomp(2).
var actions = map[specs.LinuxSeccompAction]uint32{
	specs.ActKill:        unix.SECCOMP_RET_KILL_THREAD,
	specs.ActKillThread:  unix.SECCOMP_RET_KILL_THREAD,
	specs.ActKillProcess: unix.SECCOMP_RET_KILL_PROCESS,
	specs.ActTrap:        unix.SECCOMP_RET_TRAP,
	specs.ActErrno:       unix.SECCOMP_RET_ERRNO,
	specs.ActTrace:       unix.SECCOMP_RET_TRACE,
	specs.ActAllow:       unix.SECCOMP_RET_ALLOW,
	specs.ActLog:         unix.SECCOMP_RET_LOG,
}

// action is the return value for an action of the profile. What the program
// sees as errno is in the low half; EPERM unless the profile says otherwise.
func action(a specs.LinuxSeccompAction, errno *uint) (uint32, error) {
	value, ok := actions[a]
	if !ok {
		return 0, fmt.Errorf("seccomp profile: action %q is not supported", a)
	}
	if value != unix.SECCOMP_RET_ERRNO && value != unix.SECCOMP_RET_TRACE {
		return value, nil
	}
	if errno == nil {
		return value | uint32(unix.EPERM), nil
	}
	if *errno > unix.SECCOMP_RET_DATA {
		return 0, fmt.Errorf("seccomp profile: errno %d is out of range", *errno)
	}
	return value | uint32(*errno), nil
}

// numbersOf is the table of one machine.
func numbersOf(machine string) map[string]uint32 {
	table := map[string]uint32{}
	for _, entry := range strings.Fields(tables[machine]) {
		name, number, _ := strings.Cut(entry, "=")
		n, _ := strconv.ParseUint(number, 10, 32)
		table[name] = uint32(n)
	}
	return table
}

// verdicts sorts the rules of a profile by system call number. A name that
// the machine does not have is no error: profiles name the calls of all.
func verdicts(p *specs.LinuxSeccomp, numbers map[string]uint32) (map[uint32]verdict, error) {
	fallback, err := action(p.DefaultAction, p.DefaultErrnoRet)
	if err != nil {
		return nil, err
	}
	all := map[uint32]verdict{}
	for _, call := range p.Syscalls {
		act, err := action(call.Action, call.ErrnoRet)
		if err != nil {
			return nil, err
		}
		for _, name := range call.Names {
			n, ok := numbers[name]
			if !ok {
				continue
			}
			v, known := all[n]
			if !known {
				v.action = fallback
			}
			v.rules = append(v.rules, split(rule{act, call.Args})...)
			all[n] = v
		}
	}
	for n, v := range all {
		all[n] = v.settle()
	}
	return all, nil
}

// split makes several rules of one that asks about the same argument twice:
// by convention either answer will do then.
func split(r rule) []rule {
	seen := map[uint]bool{}
	for _, a := range r.args {
		if !seen[a.Index] {
			seen[a.Index] = true
			continue
		}
		var rules []rule
		for _, each := range r.args {
			rules = append(rules, rule{r.action, []specs.LinuxSeccompArg{each}})
		}
		return rules
	}
	return []rule{r}
}

// settle lets the first rule without conditions have the last word.
func (v verdict) settle() verdict {
	i := slices.IndexFunc(v.rules, func(r rule) bool { return len(r.args) == 0 })
	if i >= 0 {
		v.action, v.rules = v.rules[i].action, v.rules[:i]
	}
	if len(v.rules) == 0 {
		v.rules = nil
	}
	return v
}

// A span is a range of numbers, from first to the next span, with one verdict.
type span struct {
	first uint32
	verdict
}

// spans covers all numbers. Neighbours with the same verdict are one span, so
// a profile of 400 names comes down to some hundred.
func spans(all map[uint32]verdict, fallback uint32) []span {
	list := []span{{0, verdict{action: fallback}}}
	next := uint32(0)
	put := func(n uint32, v verdict) {
		last := &list[len(list)-1]
		switch {
		case last.rules == nil && v.rules == nil && last.action == v.action:
		case last.first == n:
			last.verdict = v
		default:
			list = append(list, span{n, v})
		}
	}
	numbers := make([]uint32, 0, len(all))
	for n := range all {
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for _, n := range numbers {
		if n != next {
			put(next, verdict{action: fallback})
		}
		put(n, all[n])
		next = n + 1
	}
	put(next, verdict{action: fallback})
	return list
}
