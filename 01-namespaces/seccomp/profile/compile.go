package profile

import (
	"fmt"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/seccomp"
)

// The offsets in struct seccomp_data, which the program reads. See seccomp(2).
const (
	offsetNumber  = 0
	offsetMachine = 4
	offsetArgs    = 16
)

// A machine is a set of system calls: one kernel serves several.
type machine struct {
	arch  specs.Arch
	audit uint32
	table string
}

// machines are those for which there are tables. x32 is not among them: its
// calls carry the mark of x86_64 and numbers above 2³⁰, which no rule allows.
var machines = []machine{
	{specs.ArchX86_64, unix.AUDIT_ARCH_X86_64, "x86_64"},
	{specs.ArchX86, unix.AUDIT_ARCH_I386, "x86"},
	{specs.ArchAARCH64, unix.AUDIT_ARCH_AARCH64, "aarch64"},
	{specs.ArchARM, unix.AUDIT_ARCH_ARM, "arm"},
}

// maxInstructions is the kernel's limit, BPF_MAXINSNS.
const maxInstructions = 4096

// compile writes the program: which machine, then which number, then, for a
// few calls, which arguments. A call of a machine that the profile does not
// name kills the process: its numbers would mean something else.
func compile(p *specs.LinuxSeccomp) (seccomp.Program, error) {
	if len(p.ListenerPath) > 0 || len(p.Flags) > 0 {
		return nil, fmt.Errorf("seccomp profile: flags and listeners are not supported")
	}
	code := []bpf.Instruction{bpf.LoadAbsolute{Off: offsetMachine, Size: 4}}
	for _, m := range machines {
		if !slices.Contains(p.Architectures, m.arch) && !(len(p.Architectures) == 0 && m == native()) {
			continue
		}
		section, err := m.section(p)
		if err != nil {
			return nil, err
		}
		code = append(code,
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: m.audit, SkipTrue: 1},
			bpf.Jump{Skip: uint32(len(section))})
		code = append(code, section...)
	}
	code = append(code, bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS})
	if len(code) > maxInstructions {
		return nil, fmt.Errorf("seccomp profile: %d instructions are more than the kernel's %d", len(code), maxInstructions)
	}
	return assemble(code)
}

// section is the part of the program for one machine.
func (m machine) section(p *specs.LinuxSeccomp) ([]bpf.Instruction, error) {
	fallback, err := action(p.DefaultAction, p.DefaultErrnoRet)
	if err != nil {
		return nil, err
	}
	all, err := verdicts(p, numbersOf(m.table))
	if err != nil {
		return nil, err
	}
	body, err := search(spans(all, fallback))
	if err != nil {
		return nil, err
	}
	return append([]bpf.Instruction{bpf.LoadAbsolute{Off: offsetNumber, Size: 4}}, body...), nil
}

// search finds the span of a number by halves. When a filter is installed,
// the kernel runs it once for every number there is: with a list from top to
// bottom that takes 1.3 ms, so 0.15. A conditional jump reaches 255
// instructions; over a larger half goes an unconditional one.
func search(list []span) ([]bpf.Instruction, error) {
	if len(list) == 1 {
		return list[0].leaf()
	}
	middle := len(list) / 2
	low, err := search(list[:middle])
	if err != nil {
		return nil, err
	}
	high, err := search(list[middle:])
	if err != nil {
		return nil, err
	}
	test := bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: list[middle].first}
	code := []bpf.Instruction{test}
	if len(low) <= 255 {
		test.SkipTrue = uint8(len(low))
		code[0] = test
	} else {
		test.SkipFalse = 1
		code = []bpf.Instruction{test, bpf.Jump{Skip: uint32(len(low))}}
	}
	return append(append(code, low...), high...), nil
}

// assemble turns the instructions into the kernel's.
func assemble(code []bpf.Instruction) (seccomp.Program, error) {
	raw, err := bpf.Assemble(code)
	if err != nil {
		return nil, fmt.Errorf("seccomp profile: %w", err)
	}
	program := make(seccomp.Program, len(raw))
	for i, r := range raw {
		program[i] = seccomp.Instruction{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return program, nil
}
