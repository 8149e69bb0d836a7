package sandbox

import (
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/seccomp"
)

// made is a list of these calls, in memory.
func made(t *testing.T, calls ...Call) *list {
	t.Helper()
	l, err := newList(calls, Process{}, map[Inherited]int{control: 9, stdin: 5})
	require.NoError(t, err)
	t.Cleanup(l.close)
	require.NoError(t, l.add(calls))
	return l
}

// step is the i-th step as the walker reads it.
func (l *list) step(i int) step {
	return *(*step)(unsafe.Pointer(&l.memory[int(headSize)+i*int(stepSize)]))
}

// bytes is the memory at an address.
func (l *list) bytes(address uintptr, n int) []byte {
	return l.memory[address-l.base:][:n]
}

// number reads eight bytes at an address.
func (l *list) number(address uintptr) uintptr {
	return uintptr(binary.NativeEndian.Uint64(l.bytes(address, 8)))
}

func TestArgumentsBecomeNumbersAndAddresses(t *testing.T) {
	l := made(t,
		Call{Name: "dup3", Args: []any{stdin, -1, uint64(1) << 40}, When: unix.EBADF, Skip: 2},
		Call{Name: "chdir", Args: []any{"/srv"}},
		Call{Name: "execve", Args: []any{"/a", []string{"one", "two"}, []string(nil)}},
	)
	s := l.step(0)
	if s.nr != unix.SYS_DUP3 || s.args[0] != 5 || int(s.args[1]) != -1 || s.args[2] != 1<<40 || s.when != uintptr(unix.EBADF) || s.skip != 2 {
		t.Errorf("numbers: %+v", s)
	}
	if got := string(l.bytes(l.step(1).args[0], 5)); got != "/srv\x00" {
		t.Errorf("a string ends with a zero byte: %q", got)
	}
	argv := l.step(2).args[1]
	if got := string(l.bytes(l.number(argv+8), 4)); got != "two\x00" || l.number(argv+16) != 0 {
		t.Errorf("a list of strings ends with a null: %q", got)
	}
	if l.number(l.step(2).args[2]) != 0 {
		t.Error("an empty list is a null")
	}
}

func TestResultsHaveOnePlace(t *testing.T) {
	l := made(t,
		Call{Name: "openat", Args: []any{0, "a", 0}, Save: "x"},
		Call{Name: "openat", Args: []any{0, "b", 0}, Save: "x", Unless: "x"},
		Call{Name: "fchdir", Args: []any{Result("x")}},
	)
	first, second, use := l.step(0), l.step(1), l.step(2)
	if first.save == 0 || first.save != second.save || second.unless != first.save || use.args[0] != first.save || use.cells != 1 {
		t.Errorf("the same name is the same place: %+v %+v %+v", first, second, use)
	}
}

func TestFilterAndMessageAreLaidOutForTheKernel(t *testing.T) {
	l := made(t,
		Call{Name: "seccomp", Args: []any{1, 0, seccomp.Program{{Code: 1, Jt: 2, Jf: 3, K: 4}, {Code: 6}}}},
		Call{Name: "recvmsg", Args: []any{control, message("m"), 0}},
		Call{Name: "dup3", Args: []any{Result("m"), 0, 0}},
	)
	program := l.step(0).args[2]
	if l.number(program) != 2 {
		t.Errorf("struct sock_fprog begins with the length: %d", l.number(program))
	}
	if got := l.bytes(l.number(program+8), 8); got[0] != 1 || got[2] != 2 || got[3] != 3 || got[4] != 4 {
		t.Errorf("struct sock_filter: %v", got)
	}
	ancillary := l.number(l.step(1).args[1] + 32)
	if l.base+l.step(2).args[0] != ancillary+unix.SizeofCmsghdr {
		t.Error("the descriptor that arrives lies behind the header of the control message")
	}
}

func TestListsThatCannotBeMade(t *testing.T) {
	l := made(t)
	for want, c := range map[string]Call{
		"no number for system call": {Name: "fly", Text: "fly"},
		"no earlier result":         {Name: "fchdir", Args: []any{Result("x")}, Text: "enter x"},
		"no descriptor":             {Name: "fchdir", Args: []any{stderr}, Text: "enter"},
		"cannot be a float64":       {Name: "fchdir", Args: []any{1.5}, Text: "enter"},
		"zero byte":                 {Name: "chdir", Args: []any{"/a\x00b"}, Text: "enter"},
	} {
		if err := l.add([]Call{c}); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), c.Text) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := l.add([]Call{{Name: "chdir", Args: []any{strings.Repeat("x", 1<<20)}}}); !errors.Is(err, unix.E2BIG) {
		t.Errorf("more than there is room for: %v", err)
	}
	if err := l.add(make([]Call, 0)); err != nil {
		t.Error(err)
	}
}
