package profile

import (
	"encoding/binary"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/seccomp"
)

// judge runs the program as the kernel would, for one system call.
func judge(t testing.TB, p seccomp.Program, machine, number uint32, args ...uint64) uint32 {
	t.Helper()
	raw := make([]bpf.RawInstruction, len(p))
	for i, in := range p {
		raw[i] = bpf.RawInstruction{Op: in.Code, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	code, ok := bpf.Disassemble(raw)
	require.True(t, ok)
	vm, err := bpf.NewVM(code)
	require.NoError(t, err)
	data := make([]byte, 64) // the simulator loads big-endian, so the data is written so
	binary.BigEndian.PutUint32(data[offsetNumber:], number)
	binary.BigEndian.PutUint32(data[offsetMachine:], machine)
	for i, a := range args {
		binary.BigEndian.PutUint32(data[offsetArgs+8*i:], uint32(a))
		binary.BigEndian.PutUint32(data[offsetArgs+8*i+4:], uint32(a>>32))
	}
	verdict, err := vm.Run(data)
	require.NoError(t, err)
	return uint32(verdict)
}

const (
	allow = unix.SECCOMP_RET_ALLOW
	eperm = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	amd64 = unix.AUDIT_ARCH_X86_64
	i386  = unix.AUDIT_ARCH_I386
)

func TestDefaultProfile(t *testing.T) {
	plain, err := compileFor(specs.ArchX86_64, specs.ArchX86)
	require.NoError(t, err)
	calls, old := numbersOf("x86_64"), numbersOf("x86")
	for _, c := range []struct {
		machine, number uint32
		args            []uint64
		want            uint32
		why             string
	}{
		{amd64, calls["read"], nil, allow, "everybody reads"},
		{amd64, calls["mount"], nil, eperm, "mount needs CAP_SYS_ADMIN"},
		{amd64, calls["reboot"], nil, eperm, "reboot needs CAP_SYS_BOOT"},
		{amd64, calls["clone"], []uint64{uint64(unix.SIGCHLD)}, allow, "a fork"},
		{amd64, calls["clone"], []uint64{unix.CLONE_NEWUSER}, eperm, "a new user namespace"},
		{amd64, calls["clone3"], nil, unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS), "its flags cannot be seen, so libc must fall back"},
		{amd64, calls["personality"], []uint64{0}, allow, "the usual one"},
		{amd64, calls["personality"], []uint64{0xffffffff}, allow, "asking"},
		{amd64, calls["personality"], []uint64{1 << 32}, eperm, "the high half counts, too"},
		{amd64, calls["socket"], []uint64{unix.AF_INET}, allow, "the network"},
		{amd64, calls["socket"], []uint64{unix.AF_VSOCK}, eperm, "the hypervisor"},
		{amd64, calls["socket"], []uint64{41}, allow, "families above are unknown to the rule"},
		{amd64, 1 << 30, nil, eperm, "x32 is not supported"},
		{amd64, 0xffffffff, nil, eperm, "no such call"},
		{i386, old["mount"], nil, eperm, "the numbers of the 32-bit machine are others"},
		{i386, old["read"], nil, allow, "32-bit programs read, too"},
		{unix.AUDIT_ARCH_ARM, calls["read"], nil, unix.SECCOMP_RET_KILL_PROCESS, "not one of our machines"},
	} {
		if got := judge(t, plain, c.machine, c.number, c.args...); got != c.want {
			t.Errorf("call %d%v of machine %#x: %#x, want %#x: %s", c.number, c.args, c.machine, got, c.want, c.why)
		}
	}
}

// compileFor compiles Docker's default profile with the default capabilities
// for given machines, whatever the one that runs the test.
func compileFor(arches ...specs.Arch) (seccomp.Program, error) {
	p, err := defaultRules(capability.Default())
	if err != nil {
		return nil, err
	}
	p.Architectures = arches
	return compile(p)
}

func TestCapabilitiesOpenDoors(t *testing.T) {
	calls := numbersOf(native().table)
	program, err := Default(capability.Default() | capability.Of(unix.CAP_SYS_ADMIN))
	require.NoError(t, err)
	for _, name := range []string{"mount", "clone3", "unshare"} {
		if got := judge(t, program, native().audit, calls[name]); got != allow {
			t.Errorf("%s with CAP_SYS_ADMIN: %#x, want allowed", name, got)
		}
	}
}

func TestProgramIsShort(t *testing.T) {
	p, err := Default(capability.Default())
	require.NoError(t, err)
	if len(p) > 1000 {
		t.Errorf("%d instructions: a search over ranges needs some hundred", len(p))
	}
}

func TestComparisons(t *testing.T) {
	const big = 5<<32 | 7
	for _, c := range []struct {
		op        specs.LinuxSeccompOperator
		value     uint64
		two       uint64
		yes, not_ []uint64
	}{
		{specs.OpEqualTo, big, 0, []uint64{big}, []uint64{7, 5 << 32, big + 1, 0}},
		{specs.OpNotEqual, big, 0, []uint64{7, 5 << 32, big + 1}, []uint64{big}},
		{specs.OpGreaterThan, big, 0, []uint64{big + 1, 6 << 32}, []uint64{big, big - 1, 4<<32 | 9}},
		{specs.OpGreaterEqual, big, 0, []uint64{big, 6 << 32}, []uint64{big - 1, 4<<32 | 9}},
		{specs.OpLessThan, big, 0, []uint64{big - 1, 4<<32 | 9}, []uint64{big, big + 1}},
		{specs.OpLessEqual, big, 0, []uint64{big, 4<<32 | 9}, []uint64{big + 1, 6 << 32}},
		{specs.OpMaskedEqual, 0xff << 32, 5 << 32, []uint64{big}, []uint64{6 << 32, 0}},
	} {
		p, err := compile(&specs.LinuxSeccomp{DefaultAction: specs.ActErrno, Architectures: []specs.Arch{specs.ArchX86_64},
			Syscalls: []specs.LinuxSyscall{{Names: []string{"read"}, Action: specs.ActAllow,
				Args: []specs.LinuxSeccompArg{{Index: 2, Op: c.op, Value: c.value, ValueTwo: c.two}}}}})
		require.NoError(t, err)
		for _, v := range c.yes {
			if judge(t, p, amd64, 0, 0, 0, v) != allow {
				t.Errorf("%#x %s %#x should hold", v, c.op, c.value)
			}
		}
		for _, v := range c.not_ {
			if judge(t, p, amd64, 0, 0, 0, v) == allow {
				t.Errorf("%#x %s %#x should not hold", v, c.op, c.value)
			}
		}
	}
}

// Every number of every call must get what the profile says: the search by
// halves may not lose one.
func TestSearchLosesNoNumber(t *testing.T) {
	all := map[uint32]verdict{}
	for n := range uint32(2000) {
		if n%3 == 0 {
			all[n] = verdict{action: allow + n}
		}
	}
	body, err := search(spans(all, eperm))
	require.NoError(t, err)
	code, err := assemble(append([]bpf.Instruction{bpf.LoadAbsolute{Off: 0, Size: 4}}, body...))
	require.NoError(t, err)
	for n := range uint32(2100) {
		want := uint32(eperm)
		if v, ok := all[n]; ok {
			want = v.action
		}
		if got := judge(t, code, 0, n); got != want {
			t.Fatalf("number %d: %#x, want %#x", n, got, want)
		}
	}
}

func TestProfilesThatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                                   "unexpected end of JSON",
		`{"defaultAction":"SCMP_ACT_NOTIFY"}`: `"SCMP_ACT_NOTIFY" is not supported`,
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"x"}]}`:                                                      `"x" is not supported`,
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":9,"op":"SCMP_CMP_EQ"}]}]}`: "no argument 9",
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_ERRNO","args":[{"index":1,"op":"?"}]}]}`:           `comparison "?"`,
		`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":70000}`:                                                                           "out of range",
	} {
		_, err := Parse([]byte(text), 0)
		require.ErrorContains(t, err, want)
	}
	p, err := Parse([]byte(`{}`), 0)
	require.NoError(t, err)
	require.Nil(t, p, "a profile that says nothing is no filter")
}

func FuzzParse(f *testing.F) {
	f.Add(`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read","close"],"action":"SCMP_ACT_KILL"}]}`)
	f.Add(`{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":1,"op":"SCMP_CMP_EQ"},{"index":1,"value":3,"op":"SCMP_CMP_LT"}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := Parse([]byte(text), capability.Default())
		if err == nil && p != nil {
			judge(t, p, amd64, 0, 1, 2) // every program ends in a verdict
		}
	})
}
