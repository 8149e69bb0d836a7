package volume

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/sandboxtest"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, nil) }

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	require.NoError(t, err)
	return s
}

func TestVolumesOutliveTheStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	made, err := s.Create(Volume{Name: "web", Labels: map[string]string{"a": "b"}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(made.Path+"/f", []byte("kept"), 0o600))
	found, err := open(t, dir).Get("web")
	require.NoError(t, err)
	require.Equal(t, made, found)
	b, err := os.ReadFile(found.Path + "/f")
	require.NoError(t, err)
	require.Equal(t, "kept", string(b))
	again, err := s.Create(Volume{Name: "web", Labels: map[string]string{"c": "d"}})
	require.NoError(t, err)
	require.Equal(t, made, again, "the one of that name is returned")
}

func TestAnonymousVolumesHaveLongNames(t *testing.T) {
	t.Parallel()
	v, err := open(t, t.TempDir()).Create(Volume{})
	require.NoError(t, err)
	if len(v.Name) != 64 || !v.Anonymous {
		t.Errorf("an anonymous volume is called %q (anonymous: %v)", v.Name, v.Anonymous)
	}
}

func TestNamesAreHeldToDockersRule(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	for _, name := range []string{"a", "..", "../x", "a/b", ".hidden", "-x", "a b", "a\x00b", "ümlaut", "a:b", strings.Repeat("a", 256)} {
		if _, err := s.Create(Volume{Name: name}); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("a volume called %q: %v, want fs.ErrInvalid", name, err)
		}
	}
	for _, name := range []string{"ab", "A.b_c-9", "0x", strings.Repeat("a", 255)} {
		if _, err := s.Create(Volume{Name: name}); err != nil {
			t.Errorf("a volume called %q: %v", name, err)
		}
	}
}

func TestOptionsAreThoseOfDockersLocalDriver(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	for want, options := range map[string]map[string]string{
		`invalid option: "colour"`:            {"colour": "red"},
		`missing required option: "device"`:   {"type": "tmpfs"},
		`missing required option: "type"`:     {"device": "tmpfs", "o": "size=1m"},
		`device "here" of a bind mount is no`: {"type": "none", "o": "bind", "device": "here"},
	} {
		if _, err := s.Create(Volume{Name: "xx", Options: options}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", options, err, want)
		}
	}
	for _, c := range []struct {
		options map[string]string
		want    mount.Mount
	}{
		{map[string]string{"type": "tmpfs", "device": "tmpfs", "o": "size=1m,uid=1000"}, mount.Mount{Type: "tmpfs", Source: "tmpfs", Target: "/t", Options: []string{"size=1m", "uid=1000"}}},
		{map[string]string{"type": "none", "device": "/srv", "o": "bind,ro"}, mount.Mount{Type: "bind", Source: "/srv", Target: "/t", Options: []string{"ro"}}},
	} {
		v, err := s.Create(Volume{Options: c.options})
		require.NoError(t, err)
		require.Equal(t, c.want, v.Mount("/t"))
	}
	v, err := s.Create(Volume{Name: "plain"})
	require.NoError(t, err)
	require.Equal(t, mount.Mount{Type: "bind", Source: v.Path, Target: "/t"}, v.Mount("/t"))
}

func TestAVolumeInUseStays(t *testing.T) {
	t.Parallel()
	s := open(t, t.TempDir())
	for _, name := range []string{"one", "two"} {
		_, err := s.Create(Volume{Name: name})
		require.NoError(t, err)
		_, err = s.Use(name, "c1")
		require.NoError(t, err)
	}
	_, err := s.Use("one", "c0")
	require.NoError(t, err)
	err = s.Remove("one")
	require.ErrorIs(t, err, ErrInUse)
	require.EqualError(t, err, "remove one: volume is in use - [c0, c1]")
	require.Equal(t, []string{"c0", "c1"}, s.Users("one"))
	names, err := s.Release("c1")
	require.NoError(t, err)
	require.Equal(t, []string{"one", "two"}, names)
	require.NoError(t, s.Remove("two"))
	require.ErrorIs(t, s.Remove("one"), ErrInUse)
	require.Len(t, s.List(), 1)
	_, err = s.Get("two")
	require.EqualError(t, err, "get two: no such volume")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestOpenSweepsWhatIsHalfMade(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(dir+"/half/_data", 0o755))
	require.NoError(t, os.WriteFile(dir+"/file", nil, 0o600))
	require.Empty(t, open(t, dir).List())
	if _, err := os.Stat(dir + "/half"); err == nil {
		t.Error("a volume without a record was not swept")
	}
	if _, err := os.Stat(dir + "/file"); err != nil {
		t.Error("a file that is not ours was swept")
	}
}

// image makes a directory with one of everything.
func image(t *testing.T) string {
	sandboxtest.NeedRoot(t)
	dir := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=1750,uid=3,gid=4"))
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	put := func(name string, mode uint32) {
		require.NoError(t, os.WriteFile(dir+"/"+name, []byte(name), 0o600))
		require.NoError(t, unix.Chown(dir+"/"+name, 5, 6))
		require.NoError(t, unix.Chmod(dir+"/"+name, mode))
	}
	require.NoError(t, os.Mkdir(dir+"/sub", 0o700))
	put("file", 0o640)
	put("setuid", 0o4755)
	put("sub/file", 0o444)
	require.NoError(t, os.Chmod(dir+"/sub", 0o500))
	require.NoError(t, os.Link(dir+"/file", dir+"/twin"))
	require.NoError(t, os.Symlink("/etc/passwd", dir+"/link"))
	require.NoError(t, unix.Mkfifo(dir+"/fifo", 0o620))
	require.NoError(t, unix.Mknod(dir+"/null", unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	require.NoError(t, unix.Setxattr(dir+"/file", "trusted.mine", []byte("value"), 0))
	require.NoError(t, unix.Setxattr(dir+"/sub", "trusted.overlay.opaque", []byte("y"), 0))
	old := []unix.Timespec{{Sec: 1e9}, {Sec: 1e9}}
	require.NoError(t, unix.UtimesNanoAt(unix.AT_FDCWD, dir+"/sub", old, 0))
	return dir
}

func TestCopyUpKeepsEverything(t *testing.T) {
	s := open(t, t.TempDir())
	v, err := s.Create(Volume{Name: "data"})
	require.NoError(t, err)
	from := image(t)
	require.NoError(t, s.CopyUp("data", from))
	for _, name := range []string{"", "file", "setuid", "sub", "sub/file", "twin", "link", "fifo", "null"} {
		var a, b unix.Stat_t
		require.NoError(t, unix.Lstat(filepath.Join(from, name), &a))
		require.NoError(t, unix.Lstat(filepath.Join(v.Path, name), &b), name)
		if a.Mode != b.Mode || a.Uid != b.Uid || a.Gid != b.Gid || a.Rdev != b.Rdev || a.Mtim != b.Mtim {
			t.Errorf("%q became mode %o, owner %d:%d, device %x, time %d; want %o, %d:%d, %x, %d",
				name, b.Mode, b.Uid, b.Gid, b.Rdev, b.Mtim.Sec, a.Mode, a.Uid, a.Gid, a.Rdev, a.Mtim.Sec)
		}
	}
	target, err := os.Readlink(v.Path + "/link")
	require.NoError(t, err)
	require.Equal(t, "/etc/passwd", target)
	var file, twin unix.Stat_t
	require.NoError(t, unix.Lstat(v.Path+"/file", &file))
	require.NoError(t, unix.Lstat(v.Path+"/twin", &twin))
	if file.Ino != twin.Ino {
		t.Error("two names of one file became two files")
	}
	value := make([]byte, 16)
	n, err := unix.Getxattr(v.Path+"/file", "trusted.mine", value)
	require.NoError(t, err)
	require.Equal(t, "value", string(value[:n]))
	if _, err := unix.Getxattr(v.Path+"/sub", "trusted.overlay.opaque", value); err != unix.ENODATA {
		t.Error("a mark of overlayfs was copied: it means nothing in a volume")
	}
}

func TestCopyUpIsOnlyForEmptyVolumes(t *testing.T) {
	s := open(t, t.TempDir())
	v, err := s.Create(Volume{Name: "data"})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(v.Path+"/mine", nil, 0o600))
	from := image(t)
	require.NoError(t, s.CopyUp("data", from))
	if _, err := os.Lstat(v.Path + "/file"); err == nil {
		t.Error("the image's files were copied over a user's")
	}
	// A copy that was broken off is no user's: it is done again.
	require.NoError(t, os.WriteFile(s.path("data", "filling"), nil, 0o600))
	require.NoError(t, s.CopyUp("data", from))
	if _, err := os.Lstat(v.Path + "/mine"); err == nil {
		t.Error("what a broken copy had left is still there")
	}
	if _, err := os.Lstat(v.Path + "/file"); err != nil {
		t.Error("the copy was not done again")
	}
}

func TestACopyThatFailsLeavesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	v, err := s.Create(Volume{Name: "data"})
	require.NoError(t, err)
	require.Error(t, s.CopyUp("data", t.TempDir()+"/nowhere"))
	entries, err := os.ReadDir(v.Path)
	require.NoError(t, err)
	require.Empty(t, entries)
	if _, err := os.Lstat(s.path("data", "filling")); err == nil {
		t.Error("the mark of a copy in progress was left")
	}
	require.ErrorIs(t, s.CopyUp("none", "/"), fs.ErrNotExist)
}

func TestWhatAVolumePointsAtIsNotTouched(t *testing.T) {
	sandboxtest.NeedRoot(t)
	s := open(t, t.TempDir())
	elsewhere := t.TempDir()
	v, err := s.Create(Volume{Name: "bound", Options: map[string]string{"type": "none", "o": "bind", "device": elsewhere}})
	require.NoError(t, err)
	require.Equal(t, elsewhere, v.Path)
	require.NoError(t, s.CopyUp("bound", image(t)))
	entries, err := os.ReadDir(elsewhere)
	require.NoError(t, err)
	require.Empty(t, entries, "no copy into it")
	require.NoError(t, os.WriteFile(elsewhere+"/mine", nil, 0o600))
	require.NoError(t, s.Remove("bound"))
	if _, err := os.Stat(elsewhere + "/mine"); err != nil {
		t.Error("with the volume went what it pointed at")
	}
}
