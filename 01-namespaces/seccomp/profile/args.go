package profile

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/net/bpf"
)

// Where a test of an argument goes on: to the instruction behind it, to the
// next test because this one holds, or to the next rule because it does not.
type target int

const (
	onward target = iota
	holds
	fails
)

// A draft is an instruction whose jumps have no distances yet.
type draft struct {
	op       bpf.Instruction // LoadAbsolute or ALUOpConstant; nil for a jump
	cond     bpf.JumpTest
	val      uint32
	yes, not target
}

// leaf decides about the calls of one span.
func (s span) leaf() ([]bpf.Instruction, error) {
	var code []bpf.Instruction
	for _, r := range s.rules {
		tests, err := r.tests()
		if err != nil {
			return nil, err
		}
		code = append(code, tests...)
	}
	return append(code, bpf.RetConstant{Val: s.action}), nil
}

// tests are the conditions of a rule, then its action; behind that is where
// the next rule begins.
func (r rule) tests() ([]bpf.Instruction, error) {
	var parts [][]draft
	size := 1
	for _, a := range r.args {
		part, err := condition(a)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		size += len(part)
	}
	var code []bpf.Instruction
	for _, part := range parts {
		end := len(code) + len(part)
		for _, d := range part {
			code = append(code, d.resolve(len(code), end, size))
		}
	}
	return append(code, bpf.RetConstant{Val: r.action}), nil
}

// resolve gives the jumps of the instruction at this place their distances.
func (d draft) resolve(at, holdsAt, failsAt int) bpf.Instruction {
	if d.op != nil {
		return d.op
	}
	distance := func(t target) uint8 {
		return uint8([]int{at + 1, holdsAt, failsAt}[t] - at - 1)
	}
	return bpf.JumpIf{Cond: d.cond, Val: d.val, SkipTrue: distance(d.yes), SkipFalse: distance(d.not)}
}

// condition compares a 64-bit argument, of which the machine can load one
// half at a time: the high one first, and the low one if that decides nothing.
func condition(a specs.LinuxSeccompArg) ([]draft, error) {
	if a.Index > 5 {
		return nil, fmt.Errorf("seccomp profile: a system call has no argument %d", a.Index)
	}
	switch a.Op {
	case specs.OpEqualTo:
		return equal(a.Index, ^uint64(0), a.Value, holds, fails), nil
	case specs.OpNotEqual:
		return equal(a.Index, ^uint64(0), a.Value, fails, holds), nil
	case specs.OpMaskedEqual:
		return equal(a.Index, a.Value, a.ValueTwo, holds, fails), nil
	case specs.OpGreaterThan:
		return greater(a, bpf.JumpGreaterThan, holds, fails), nil
	case specs.OpGreaterEqual:
		return greater(a, bpf.JumpGreaterOrEqual, holds, fails), nil
	case specs.OpLessThan:
		return greater(a, bpf.JumpGreaterOrEqual, fails, holds), nil
	case specs.OpLessEqual:
		return greater(a, bpf.JumpGreaterThan, fails, holds), nil
	}
	return nil, fmt.Errorf("seccomp profile: comparison %q is not supported", a.Op)
}

// load reads one half of an argument; the machines here are little-endian.
func load(index uint, high uint32) draft {
	return draft{op: bpf.LoadAbsolute{Off: offsetArgs + 8*uint32(index) + 4*high, Size: 4}}
}

// equal goes to yes if the argument under the mask is the value.
func equal(index uint, mask, value uint64, yes, not target) []draft {
	and := func(half uint32) draft { return draft{op: bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: half}} }
	return []draft{
		load(index, 1), and(uint32(mask >> 32)),
		{cond: bpf.JumpEqual, val: uint32(value >> 32), yes: onward, not: not},
		load(index, 0), and(uint32(mask)),
		{cond: bpf.JumpEqual, val: uint32(value), yes: yes, not: not},
	}
}

// greater goes to yes if the argument is greater than the value, or as the
// test for the low half says.
func greater(a specs.LinuxSeccompArg, low bpf.JumpTest, yes, not target) []draft {
	high := uint32(a.Value >> 32)
	return []draft{
		load(a.Index, 1),
		{cond: bpf.JumpGreaterThan, val: high, yes: yes, not: onward},
		{cond: bpf.JumpEqual, val: high, yes: onward, not: not},
		load(a.Index, 0),
		{cond: low, val: uint32(a.Value), yes: yes, not: not},
	}
}
