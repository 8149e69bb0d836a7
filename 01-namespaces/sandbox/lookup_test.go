package sandbox

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandboxtest"
)

// image is a tree of files as an image might bring it, and a lookup in it.
func image(t *testing.T) (string, lookup) {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{"bin", "usr/bin", "etc"} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	for name, mode := range map[string]os.FileMode{"bin/run": 0o755, "usr/bin/late": 0o755, "bin/text": 0o644} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, mode))
	}
	require.NoError(t, os.Symlink("/usr/bin/late", filepath.Join(dir, "bin/link")))
	require.NoError(t, os.Symlink("../../../../../../../../etc", filepath.Join(dir, "out")))
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	l := lookup{fd}
	t.Cleanup(l.close)
	return dir, l
}

func TestProgramIsFoundInPath(t *testing.T) {
	_, l := image(t)
	for _, c := range []struct{ name, dir, path, want string }{
		{"run", "/", "/usr/bin:/bin", "/bin/run"},
		{"late", "/", "/bin:/usr/bin", "/usr/bin/late"},
		{"link", "/", "/bin", "/bin/link"},
		{"run", "/bin", "", "/bin/run"}, // an empty element is the working directory
		{"./run", "/bin", "/nowhere", "./run"},
		{"/bin/run", "/etc", "/nowhere", "/bin/run"},
	} {
		got, err := l.find(c.name, c.dir, []string{"PATH=" + c.path})
		if got != c.want || err != nil {
			t.Errorf("%s in %s with PATH=%s is %q (%v), want %q", c.name, c.dir, c.path, got, err, c.want)
		}
	}
	if got, err := l.find("run", "/", nil); got != "/bin/run" || err != nil {
		t.Errorf("without PATH: %q (%v)", got, err)
	}
}

func TestMissingProgramInTheWordsOfDocker(t *testing.T) {
	_, l := image(t)
	for _, c := range []struct {
		name, want string
		is         error
	}{
		{"nope", `exec: "nope": executable file not found in $PATH`, fs.ErrNotExist},
		{"/nope", `exec: "/nope": stat /nope: no such file or directory`, fs.ErrNotExist},
		{"text", `exec: "text": executable file not found in $PATH`, fs.ErrNotExist},
		{"/bin/text", `exec: "/bin/text": permission denied`, fs.ErrPermission},
		{"/bin", `exec: "/bin": is a directory`, unix.EISDIR},
	} {
		_, err := l.find(c.name, "/", []string{"PATH=/bin"})
		if err == nil || err.Error() != c.want || !errors.Is(err, c.is) {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

func TestLookupNeverLeavesTheRoot(t *testing.T) {
	_, l := image(t)
	if err := l.executable("x", "/out/passwd"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the host's /etc was found through a link: %v", err)
	}
	if _, err := l.find("/proc/self/exe", "/", nil); err == nil {
		t.Error("/proc/self/exe of the host was found")
	}
}

func TestAccountFilesOfAHostileImage(t *testing.T) {
	dir, l := image(t)
	file := filepath.Join(dir, "etc/passwd")
	if text, err := l.read("etc/passwd"); text != "" || err != nil {
		t.Errorf("a missing file is empty: %q, %v", text, err)
	}
	require.NoError(t, unix.Mkfifo(file, 0o644))
	if _, err := l.read("etc/passwd"); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("a fifo would block us: %v", err)
	}
	require.NoError(t, os.Remove(file))
	require.NoError(t, os.WriteFile(file, nil, 0o644))
	require.NoError(t, os.Truncate(file, 1<<40))
	if _, err := l.read("etc/passwd"); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a terabyte of accounts: %v", err)
	}
}

func TestWorkingDirectoryIsMadeInside(t *testing.T) {
	dir, l := image(t)
	s := Spec{New: namespace.Mount}
	require.NoError(t, l.makeDir("/a/c", s))
	require.DirExists(t, filepath.Join(dir, "a/c"))
	require.NoError(t, l.makeDir("/out/drydock-was-here", s))
	require.NoDirExists(t, "/etc/drydock-was-here")
	require.DirExists(t, filepath.Join(dir, "etc/drydock-was-here"))
	if err := l.makeDir("/bin/run/x", s); !errors.Is(err, unix.ENOTDIR) {
		t.Errorf("a directory in a file: %v", err)
	}
}

func TestWorkingDirectoryBelongsToTheRootOfTheContainer(t *testing.T) {
	sandboxtest.NeedRoot(t)
	dir, l := image(t)
	s := Spec{New: namespace.Mount | namespace.User, UIDs: []IDMap{{Inside: 5, Outside: 9, Count: 1}, {Inside: 0, Outside: 7000, Count: 10}},
		GIDs: []IDMap{{Inside: 0, Outside: 8000, Count: 10}}}
	require.NoError(t, l.makeDir("/srv/deep", s))
	for _, name := range []string{"srv", "srv/deep"} {
		var stat unix.Stat_t
		require.NoError(t, unix.Stat(filepath.Join(dir, name), &stat))
		if stat.Uid != 7000 || stat.Gid != 8000 {
			t.Errorf("%s belongs to %d:%d, want the 7000:8000 that is root inside", name, stat.Uid, stat.Gid)
		}
	}
}

func TestHomeComesFromTheAccount(t *testing.T) {
	if got := withHome([]string{"A=b"}, "/root"); got[1] != "HOME=/root" {
		t.Errorf("HOME is missing: %v", got)
	}
	if got := withHome([]string{"HOME=/x"}, "/root"); len(got) != 1 {
		t.Errorf("HOME was there already: %v", got)
	}
}
