package shim

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestProgramIsSealed(t *testing.T) {
	b := sealed(t)
	got, err := unix.FcntlInt(b.program.Fd(), unix.F_GET_SEALS, 0)
	require.NoError(t, err)
	if got&seals != seals {
		t.Errorf("seals %#x, want %#x", got, seals)
	}
}

// CVE-2019-5736: a container that reaches the shim's /proc/PID/exe must not
// be able to put another program there.
func TestProgramOfARunningShimCannotBeWritten(t *testing.T) {
	b := bundle(t, "sleep", "1000")
	run(t, b)
	pids := shims(t, b.ID)
	require.Len(t, pids, 1)
	exe := filepath.Join("/proc", pids[0], "exe")
	link, err := os.Readlink(exe)
	require.NoError(t, err)
	if !strings.HasPrefix(link, "/memfd:"+processName) {
		t.Errorf("the shim runs from %s, want a memfd", link)
	}
	for _, flags := range []int{os.O_WRONLY, os.O_RDWR | os.O_TRUNC} {
		f, err := os.OpenFile(exe, flags, 0)
		if err == nil {
			_, err = f.Write([]byte("evil"))
			f.Close()
		}
		if err == nil {
			t.Error("the program of a running shim was overwritten")
		}
	}
}

func TestShimHasItsNameAndSession(t *testing.T) {
	b := bundle(t, "sleep", "1000")
	run(t, b)
	pids := shims(t, b.ID)
	require.Len(t, pids, 1)
	comm, err := os.ReadFile(filepath.Join("/proc", pids[0], "comm"))
	require.NoError(t, err)
	if got := strings.TrimSpace(string(comm)); got != processName {
		t.Errorf("ps shows %q", got)
	}
	var pid int
	fmt.Sscan(pids[0], &pid)
	if sid, err := unix.Getsid(pid); err != nil || sid != pid {
		t.Errorf("its session is %d, want its own: %v", sid, err)
	}
	if cwd, err := os.Readlink(filepath.Join("/proc", pids[0], "cwd")); err != nil || cwd != "/" {
		t.Errorf("it stands in %s, and keeps a file system busy: %v", cwd, err)
	}
}

func TestDeepDirectory(t *testing.T) {
	b := bundle(t, "sleep", "1000")
	b.Dir = filepath.Join(b.Dir, strings.Repeat("deep/", 40))
	s := run(t, b)
	if _, err := s.Status(); err != nil {
		t.Errorf("an address of more than 107 bytes: %v", err)
	}
	info, err := os.Stat(b.Dir)
	require.NoError(t, err)
	if info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has mode %o", info.Mode().Perm())
	}
}

func TestSealOfNothing(t *testing.T) {
	if _, err := Seal(filepath.Join(t.TempDir(), "missing")); !os.IsNotExist(err) && !strings.Contains(err.Error(), "missing") {
		t.Errorf("got %v", err)
	}
}
