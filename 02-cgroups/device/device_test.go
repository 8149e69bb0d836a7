package device

import (
	"slices"
	"testing"

	"github.com/cilium/ebpf/asm"
	"github.com/stretchr/testify/require"
)

func TestParseReadsWhatV1Writes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"c 1:3 rwm", "b *:* m", "a *:* rwm", "c 136:* rw"} {
		r, err := Parse(text)
		require.NoError(t, err)
		if r.String() != text || !r.Allow {
			t.Errorf("%q became %q (allow %v)", text, r, r.Allow)
		}
	}
}

func TestParseRefusesWhatIsNoRule(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "c", "c 1:3", "d 1:3 rwm", "c 13 rwm", "c 1:x r", "c 1:-3 r", "c 1:3 rwx", "c 4294967296:1 r"} {
		if r, err := Parse(text); err == nil {
			t.Errorf("%q was read as %q", text, r)
		}
	}
}

// question is an attempt to use a device.
type question struct {
	kind, access, major, minor int64
}

const (
	read, writing, mknod = 2, 4, 1
	block, char          = 1, 2
)

// run performs the few instructions that Program uses.
func run(t *testing.T, code asm.Instructions, q question) bool {
	t.Helper()
	labels := map[string]int{}
	for i, ins := range code {
		if s := ins.Symbol(); s != "" {
			labels[s] = i
		}
	}
	var r [11]int64
	context := map[int16]int64{ctxKind: q.access<<16 | q.kind, ctxMajor: q.major, ctxMinor: q.minor}
	for pc := 0; pc < len(code); pc++ {
		ins := code[pc]
		value := ins.Constant
		if ins.OpCode.Source() == asm.RegSource {
			value = r[ins.Src]
		}
		jump := false
		switch op := ins.OpCode; {
		case op.Class() == asm.LdXClass:
			r[ins.Dst] = context[ins.Offset]
		case op.JumpOp() == asm.Exit:
			return r[asm.R0] == 1
		case op.JumpOp() == asm.JNE:
			jump = r[ins.Dst] != value
		case op.JumpOp() == asm.JEq:
			jump = r[ins.Dst] == value
		case op.ALUOp() == asm.Mov:
			r[ins.Dst] = value
		case op.ALUOp() == asm.And:
			r[ins.Dst] &= value
		case op.ALUOp() == asm.RSh:
			r[ins.Dst] >>= uint(value)
		default:
			t.Fatalf("instruction %d is unknown: %v", pc, ins)
		}
		if jump {
			to, ok := labels[ins.Reference()]
			require.True(t, ok, "instruction %d jumps to %q, which is nowhere", pc, ins.Reference())
			pc = to - 1
		}
	}
	t.Fatal("the program ran over its end")
	return false
}

func TestProgramDecidesAsTheRulesSay(t *testing.T) {
	t.Parallel()
	noSecrets := append(All(), Rule{false, "c", 1, 1, "rw"}) // all but /dev/mem
	for _, c := range []struct {
		what  string
		rules []Rule
		q     question
		want  bool
	}{
		{"no rule", nil, question{char, read, 1, 3}, false},
		{"null, read and write", Default(), question{char, read | writing, 1, 3}, true},
		{"memory of the machine", Default(), question{char, read, 1, 1}, false},
		{"a disk may be made", Default(), question{block, mknod, 8, 0}, true},
		{"a disk may not be read", Default(), question{block, read, 8, 0}, false},
		{"a block device with null's numbers", Default(), question{block, read, 1, 3}, false},
		{"any terminal", Default(), question{char, read | writing, 136, 77}, true},
		{"privileged", All(), question{block, read | writing | mknod, 8, 0}, true},
		{"some of what is asked is not enough", []Rule{{true, "c", 1, 3, "r"}}, question{char, read | writing, 1, 3}, false},
		{"the last rule wins: denied", noSecrets, question{char, read, 1, 1}, false},
		{"the last rule wins: in part", noSecrets, question{char, read | mknod, 1, 1}, false},
		{"the last rule wins: other access", noSecrets, question{char, mknod, 1, 1}, true},
		{"the last rule wins: other device", noSecrets, question{char, read, 1, 3}, true},
	} {
		if got := run(t, Program(c.rules), c.q); got != c.want {
			t.Errorf("%s: %+v is allowed: %v, want %v", c.what, c.q, got, c.want)
		}
	}
}

func TestProgramHasNoDeadCode(t *testing.T) {
	t.Parallel()
	rules := slices.Concat(Default(), All(), Default())
	if got, want := len(Program(rules)), len(Program(slices.Concat(All(), Default()))); got != want {
		t.Errorf("%d instructions instead of %d: the kernel refuses what is never reached", got, want)
	}
}
