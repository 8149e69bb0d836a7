package sandbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/sandboxtest"
	"drydock/01-namespaces/seccomp/profile"
)

func TestDefaultProfileLetsProgramsLive(t *testing.T) {
	sandboxtest.NeedRoot(t)
	s := docker(t, "facts")
	filter, err := profile.Default(s.Process.Capabilities)
	require.NoError(t, err)
	s.Process.Seccomp = filter
	out, exit := run(t, s)
	require.Zero(t, exit.Code, out)
	has(t, out, "Seccomp:\t2", "the filter is installed")
}

// i386 is a program of the 32-bit machine: it calls mount, which has number
// 21 there and would be access on x86_64, and exits with the errno.
var i386 = []byte{
	0xb8, 21, 0, 0, 0, // mov eax, 21
	0xcd, 0x80, //        int 0x80
	0xf7, 0xd8, //        neg eax
	0x89, 0xc3, //        mov ebx, eax
	0xb8, 1, 0, 0, 0, //  mov eax, 1
	0xcd, 0x80, //        int 0x80
}

// elf32 wraps code into the smallest executable file. See elf(5).
func elf32(code []byte) []byte {
	const base, size = 0x10000, 52 + 32
	var b bytes.Buffer
	b.WriteString("\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	total := uint32(size + len(code))
	for _, field := range []any{
		uint16(2), uint16(3), uint32(1), uint32(base + size), uint32(52), uint32(0), uint32(0),
		uint16(52), uint16(32), uint16(1), uint16(0), uint16(0), uint16(0),
		uint32(1), uint32(0), uint32(base), uint32(base), total, total, uint32(5), uint32(0x1000),
	} {
		binary.Write(&b, binary.LittleEndian, field)
	}
	return append(b.Bytes(), code...)
}

func TestFilterKnowsThe32BitMachine(t *testing.T) {
	sandboxtest.NeedRoot(t)
	if runtime.GOARCH != "amd64" {
		t.Skip("needs a machine that runs i386 programs")
	}
	s := docker(t, "/bin/old")
	require.NoError(t, os.WriteFile(filepath.Join(s.Root.Source, "bin/old"), elf32(i386), 0o755))
	box, err := Spawn(s, Stdio{})
	require.NoError(t, err)
	defer box.Close()
	if err := box.Release(); errors.Is(err, unix.ENOEXEC) {
		t.Skip("this kernel runs no i386 programs")
	} else {
		require.NoError(t, err)
	}
	exit, err := box.Wait()
	require.NoError(t, err)
	if exit.Code == int(unix.EPERM) {
		t.Fatal("without a filter and without capabilities the errno should be another")
	}
	filter, err := profile.Default(capability.Default())
	require.NoError(t, err)
	s.Process.Seccomp = filter
	_, exit = run(t, s)
	if exit.Code != int(unix.EPERM) {
		t.Errorf("mount of the 32-bit machine ended with %+v, want EPERM", exit)
	}
}
