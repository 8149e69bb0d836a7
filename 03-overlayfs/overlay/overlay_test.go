package overlay

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/sandboxtest"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, nil) }

func TestMountIsWrittenWithShortNames(t *testing.T) {
	t.Parallel()
	m, err := Layers{Lower: []string{"/s/2/fs", "/s/1/fs", "/else"}, Upper: "/s/3/fs", Work: "/s/3/work", Base: "/s"}.Mount()
	require.NoError(t, err)
	if m.Type != "overlay" || m.Source != "/s" {
		t.Errorf("it is %s from %s, want an overlay whose names start from /s", m.Type, m.Source)
	}
	for _, want := range []string{"lowerdir=2/fs:1/fs:/else", "upperdir=3/fs", "workdir=3/work", "metacopy=off", "redirect_dir=nofollow"} {
		if !slices.Contains(m.Options, want) {
			t.Errorf("the options are %q, want %s in them", m.Options, want)
		}
	}
}

func TestOneDirectoryNeedsNoOverlay(t *testing.T) {
	t.Parallel()
	m, err := Layers{Lower: []string{"/a"}}.Mount()
	require.NoError(t, err)
	if m.Type != "bind" || m.Source != "/a" || !slices.Contains(m.Options, "ro") {
		t.Errorf("one lower directory is %+v, want a read-only bind mount: overlayfs asks for two", m)
	}
	m, err = Layers{Upper: "/a"}.Mount()
	require.NoError(t, err)
	if m.Type != "bind" || slices.Contains(m.Options, "ro") {
		t.Errorf("an upper directory alone is %+v, want a bind mount for writing", m)
	}
}

func TestWhatMountCannotSayIsAnError(t *testing.T) {
	t.Parallel()
	var many []string
	for i := range 300 {
		many = append(many, fmt.Sprintf("/a/rather/long/name/%d", i))
	}
	for what, l := range map[string]Layers{
		"no directory":          {},
		"more than a page":      {Lower: many, Base: "/s"},
		"a colon in a name":     {Lower: []string{"/a:b", "/c"}},
		"a comma in a name":     {Lower: []string{"/a", "/b"}, Upper: "/u,x", Work: "/w"},
		"a backslash in a name": {Lower: []string{"/a\\b", "/c"}},
		"a relative name":       {Lower: []string{"/a", "/b"}, Upper: "u", Work: "w"},
	} {
		if m, err := l.Mount(); err == nil {
			t.Errorf("%s: %+v, want an error", what, m)
		}
	}
	_, err := Layers{Lower: []string{"/base:with,all/1", "/base:with,all/2"}, Base: "/base:with,all"}.Mount()
	require.NoError(t, err, "what is in Base does not matter")
}

// stack is an overlay on a file system of its own, since trusted xattrs and
// devices are needed.
type stack struct {
	t *testing.T
	Layers
	merged string
}

// newStack makes n lower directories, nothing is mounted yet.
func newStack(t *testing.T, n int) *stack {
	sandboxtest.NeedRoot(t)
	base := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", base, "tmpfs", 0, ""))
	t.Cleanup(func() { unix.Unmount(base, unix.MNT_DETACH) })
	s := &stack{t: t, Layers: Layers{Base: base, Upper: base + "/upper", Work: base + "/work"}, merged: base + "/merged"}
	for i := range n {
		s.Lower = append(s.Lower, fmt.Sprintf("%s/%d", base, i))
	}
	for _, dir := range append([]string{s.Upper, s.Work, s.merged}, s.Lower...) {
		require.NoError(t, os.Mkdir(dir, 0o755))
	}
	return s
}

// mount mounts it until the test is over.
func (s *stack) mount() {
	s.t.Helper()
	m, err := s.Mount()
	require.NoError(s.t, err)
	s.t.Chdir(m.Source)
	require.NoError(s.t, unix.Mount("overlay", s.merged, m.Type, 0, strings.Join(m.Options, ",")))
	s.t.Cleanup(func() { unix.Unmount(s.merged, unix.MNT_DETACH) })
}

func put(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
}

func get(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

// changes is what Changes yields, as docker diff prints it.
func (s *stack) changes() []string {
	s.t.Helper()
	var list []string
	for c, err := range s.Changes() {
		require.NoError(s.t, err)
		list = append(list, fmt.Sprintf("%c %s", c.Kind, c.Path))
	}
	return list
}

func TestTheTopLayerWinsAndTheLowerOnesStay(t *testing.T) {
	s := newStack(t, 2)
	put(t, s.Lower[0]+"/both", "top")
	put(t, s.Lower[1]+"/both", "bottom")
	put(t, s.Lower[1]+"/etc/hosts", "old")
	s.mount()
	if got := get(t, s.merged+"/both"); got != "top" {
		t.Errorf("of two files of one name the %s one is seen: Lower[0] must be the top", got)
	}
	put(t, s.merged+"/etc/hosts", "new")
	if got := get(t, s.Lower[1]+"/etc/hosts"); got != "old" {
		t.Errorf("a write went through to a lower directory: %q", got)
	}
	if got := get(t, s.Upper+"/etc/hosts"); got != "new" {
		t.Errorf("the upper directory has %q, want the copy that was written", got)
	}
}

func TestManyLayersFitOnePage(t *testing.T) {
	s := newStack(t, 128)
	for i, dir := range s.Lower {
		put(t, fmt.Sprintf("%s/only-%d", dir, i), "")
		put(t, dir+"/all", fmt.Sprint(i))
	}
	s.mount()
	if got := get(t, s.merged+"/all"); got != "0" {
		t.Errorf("the top of 128 is %s, want 0", got)
	}
	entries, err := os.ReadDir(s.merged)
	require.NoError(t, err)
	if len(entries) != 129 {
		t.Errorf("%d names are merged, want 129", len(entries))
	}
}

func TestChangesAreDockerDiff(t *testing.T) {
	s := newStack(t, 2)
	put(t, s.Lower[1]+"/etc/hosts", "1")
	put(t, s.Lower[1]+"/etc/motd", "1")
	put(t, s.Lower[1]+"/old/a", "1")
	put(t, s.Lower[0]+"/old/b", "1")
	put(t, s.Lower[1]+"/gone/x", "1")
	put(t, s.Lower[1]+"/deep/er/file", "1")
	put(t, s.Lower[1]+"/file", "1")
	put(t, s.Lower[1]+"/still/there", "1")
	s.mount()
	put(t, s.merged+"/deep/er/file", "2") // changes no directory
	require.NoError(t, os.Remove(s.merged+"/etc/motd"))
	put(t, s.merged+"/etc/new", "2")
	require.NoError(t, os.RemoveAll(s.merged+"/old"))
	put(t, s.merged+"/old/c", "2") // an opaque directory
	require.NoError(t, os.RemoveAll(s.merged+"/gone"))
	require.NoError(t, os.Remove(s.merged+"/file"))
	put(t, s.merged+"/file/now/directory", "2")
	put(t, s.merged+"/fleeting", "2")
	require.NoError(t, os.Remove(s.merged+"/fleeting"))
	f, err := os.OpenFile(s.merged+"/still", os.O_RDONLY, 0) // looking is no change
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.Equal(t, []string{
		"C /deep", "C /deep/er", "C /deep/er/file",
		"C /etc", "D /etc/motd", "A /etc/new",
		"C /file", "A /file/now", "A /file/now/directory",
		"D /gone",
		"C /old", "D /old/a", "D /old/b", "A /old/c",
	}, s.changes())
}

func TestChangesOfADirectoryThatWasOnlyCopiedUp(t *testing.T) {
	s := newStack(t, 2)
	put(t, s.Lower[1]+"/a/file", "1")
	require.NoError(t, os.Mkdir(s.Lower[1]+"/b", 0o755))
	s.mount()
	require.NoError(t, os.Link(s.merged+"/a/file", s.merged+"/a/more"))
	require.NoError(t, os.Remove(s.merged+"/a/more"))
	require.NoError(t, os.Chmod(s.merged+"/b", 0o700))
	require.Equal(t, []string{"C /a", "C /a/file", "C /b"}, s.changes())
}

func TestChangesSeeWhiteoutsBetweenLowerLayers(t *testing.T) {
	s := newStack(t, 3)
	put(t, s.Lower[2]+"/x", "bottom")
	put(t, s.Lower[2]+"/d/hidden", "bottom")
	require.NoError(t, whiteoutAt(s.Lower[1], "x"))
	require.NoError(t, os.Mkdir(s.Lower[0]+"/d", 0o755))
	require.NoError(t, opaque(s.Lower[0]+"/d"))
	s.mount()
	put(t, s.merged+"/x", "new")
	put(t, s.merged+"/d/hidden", "new")
	require.Equal(t, []string{"C /d", "A /d/hidden", "A /x"}, s.changes(), "what a layer has hidden is new when it comes again")
}

func whiteoutAt(dir, name string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return Whiteout(int(f.Fd()), name)
}

func opaque(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return SetOpaque(int(f.Fd()), false)
}

func TestOurMarksAreTheKernels(t *testing.T) {
	s := newStack(t, 1)
	put(t, s.Lower[0]+"/file", "1")
	put(t, s.Lower[0]+"/dir/hidden", "1")
	require.NoError(t, os.Mkdir(s.Upper+"/dir", 0o755))
	require.NoError(t, whiteoutAt(s.Upper, "file"))
	require.NoError(t, opaque(s.Upper+"/dir"))
	s.mount()
	if _, err := os.Lstat(s.merged + "/file"); !os.IsNotExist(err) {
		t.Errorf("a whiteout of ours does not hide: %v", err)
	}
	entries, err := os.ReadDir(s.merged + "/dir")
	require.NoError(t, err)
	if len(entries) != 0 {
		t.Errorf("an opaque directory of ours shows %v", entries)
	}
	// and the other way round: the marks that the kernel makes are read.
	put(t, s.Lower[0]+"/other/x", "1")
	require.NoError(t, os.RemoveAll(s.merged+"/other"))
	var st unix.Stat_t
	require.NoError(t, unix.Lstat(s.Upper+"/other", &st))
	if !IsWhiteout(&st) {
		t.Errorf("the kernel's whiteout (mode %o, device %x) is not known", st.Mode, st.Rdev)
	}
}

func TestChangesNeverFollowASymlinkOut(t *testing.T) {
	s := newStack(t, 1)
	put(t, s.Lower[0]+"/dir/x", "1")
	canary := t.TempDir()
	put(t, canary+"/secret", "1")
	require.NoError(t, os.Symlink(canary, s.Upper+"/dir"))
	require.Equal(t, []string{"C /dir"}, s.changes())
}

func TestChangesEndWhenNobodyListens(t *testing.T) {
	s := newStack(t, 1)
	put(t, s.Upper+"/a/b", "1")
	put(t, s.Upper+"/c", "1")
	n := 0
	for range s.Changes() {
		n++
		break
	}
	if n != 1 {
		t.Errorf("%d changes were told, want 1", n)
	}
	for _, err := range Changes(s.Upper + "/nowhere") {
		require.Error(t, err)
		n++
	}
	if n != 2 {
		t.Error("a directory that is not there is an error that is told once")
	}
}

func TestOrdinaryUsersMarkWithUserXattrs(t *testing.T) {
	s := newStack(t, 1)
	dir := t.TempDir()
	f, err := os.Open(dir)
	require.NoError(t, err)
	defer f.Close()
	if err := SetOpaque(int(f.Fd()), true); err != nil {
		t.Skip("no user xattrs in ", s.Base, ": ", err)
	}
	trusted, err := IsOpaque(int(f.Fd()), false)
	require.NoError(t, err)
	user, err := IsOpaque(int(f.Fd()), true)
	require.NoError(t, err)
	if trusted || !user {
		t.Errorf("opaque by user.overlay.opaque: %v for root's overlay, %v for a user's; want false, true", trusted, user)
	}
}
