package device

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// The words of struct bpf_cgroup_dev_ctx, which the kernel hands to the
// program: kind (low half) and access (high half), major, minor.
const (
	ctxKind  = 0
	ctxMajor = 4
	ctxMinor = 8
)

// Where the program keeps what it was asked. R1 holds the context first.
const (
	kind    = asm.R2
	access  = asm.R3
	major   = asm.R4
	minor   = asm.R5
	scratch = asm.R1
)

// Program compiles the rules: the last rule is looked at first, the first
// that fits says 1 or 0, and if none does it is 0. See bpf(2).
func Program(rules []Rule) asm.Instructions {
	code := asm.Instructions{
		asm.LoadMem(kind, asm.R1, ctxKind, asm.Word),
		asm.Mov.Reg(access, kind),
		asm.And.Imm(kind, 0xffff),
		asm.RSh.Imm(access, 16),
		asm.LoadMem(major, asm.R1, ctxMajor, asm.Word),
		asm.LoadMem(minor, asm.R1, ctxMinor, asm.Word),
	}
	label := ""
	for i := len(rules) - 1; i >= 0; i-- {
		next := fmt.Sprintf("rule%d", i)
		block := rules[i].block(next)
		if label != "" {
			block[0] = block[0].WithSymbol(label)
		}
		code, label = append(code, block...), next
		if len(block) == len(answer(true, "")) {
			// It fits always: the kernel refuses code that is never reached.
			return code
		}
	}
	return append(code, answer(false, label)...)
}

// block jumps to next if the rule does not fit, and answers if it does.
// A rule that allows fits when it allows all that is asked, one that denies
// when it denies any of it. See bpf(2).
func (r Rule) block(next string) asm.Instructions {
	var code asm.Instructions
	if r.Type != "a" {
		code = append(code, asm.JNE.Imm(kind, map[string]int32{
			"b": unix.BPF_DEVCG_DEV_BLOCK, "c": unix.BPF_DEVCG_DEV_CHAR,
		}[r.Type], next))
	}
	if mask := r.mask(); mask != all {
		code = append(code, asm.Mov.Reg(scratch, access), asm.And.Imm(scratch, mask))
		if r.Allow {
			code = append(code, asm.JNE.Reg(scratch, access, next))
		} else {
			code = append(code, asm.JEq.Imm(scratch, 0, next))
		}
	}
	if r.Major != Any {
		code = append(code, asm.JNE.Imm(major, int32(r.Major), next))
	}
	if r.Minor != Any {
		code = append(code, asm.JNE.Imm(minor, int32(r.Minor), next))
	}
	return append(code, answer(r.Allow, "")...)
}

// all are the three ways of access.
const all = unix.BPF_DEVCG_ACC_MKNOD | unix.BPF_DEVCG_ACC_READ | unix.BPF_DEVCG_ACC_WRITE

// mask is the access of the rule in the bits of bpf(2).
func (r Rule) mask() int32 {
	var mask int32
	for letter, bit := range map[string]int32{
		"m": unix.BPF_DEVCG_ACC_MKNOD, "r": unix.BPF_DEVCG_ACC_READ, "w": unix.BPF_DEVCG_ACC_WRITE,
	} {
		if strings.Contains(r.Access, letter) {
			mask |= bit
		}
	}
	return mask
}

func answer(allow bool, label string) asm.Instructions {
	verdict := int32(0)
	if allow {
		verdict = 1
	}
	first := asm.Mov.Imm(asm.R0, verdict)
	if label != "" {
		first = first.WithSymbol(label)
	}
	return asm.Instructions{first, asm.Return()}
}

// attach loads the program and ties it to the directory of a group. It stays
// as long as the group does, so nothing is held open. A group above may have
// programs too, and all must say yes. See bpf(2).
func attach(dir string, rules []Rule) error {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "drydock_devices", Type: ebpf.CGroupDevice, License: "Apache-2.0", Instructions: Program(rules),
	})
	if err != nil {
		return fmt.Errorf("load the program: %w", err)
	}
	group, err := os.Open(dir)
	if err != nil {
		return errors.Join(err, program.Close())
	}
	err = link.RawAttachProgram(link.RawAttachProgramOptions{
		Target: int(group.Fd()), Program: program, Attach: ebpf.AttachCGroupDevice, Flags: unix.BPF_F_ALLOW_MULTI,
	})
	if err != nil {
		err = fmt.Errorf("attach the program to %s: %w", dir, err)
	}
	return errors.Join(err, group.Close(), program.Close())
}
