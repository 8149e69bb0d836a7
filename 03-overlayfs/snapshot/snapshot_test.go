package snapshot

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/sandboxtest"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, nil) }

// open opens a store on a file system that takes upper directories.
func open(t *testing.T) *Store {
	t.Helper()
	sandboxtest.NeedRoot(t)
	dir := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return reopen(t, dir)
}

func reopen(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	require.NoError(t, err)
	return s
}

// commit makes a committed name with one file on top of parent.
func commit(t *testing.T, s *Store, name, parent, file, text string) {
	t.Helper()
	require.NoError(t, s.Prepare("making "+name, parent))
	upper, err := s.Upper("making " + name)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(upper+"/"+file, []byte(text), 0o644))
	require.NoError(t, s.Commit(name, "making "+name))
}

// mounted mounts key and returns where.
func mounted(t *testing.T, s *Store, key string) string {
	t.Helper()
	m, err := s.Mount(key)
	require.NoError(t, err)
	at := t.TempDir()
	if m.Type == "bind" {
		require.NoError(t, unix.Mount(m.Source, at, "", unix.MS_BIND, ""))
	} else {
		t.Chdir(m.Source)
		require.NoError(t, unix.Mount("overlay", at, m.Type, 0, strings.Join(m.Options, ",")))
	}
	t.Cleanup(func() { unix.Unmount(at, unix.MNT_DETACH) })
	return at
}

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func TestTreesStandOnTrees(t *testing.T) {
	s := open(t)
	commit(t, s, "base", "", "name", "base")
	commit(t, s, "app", "base", "name", "app")
	for _, key := range []string{"c1", "c2"} {
		require.NoError(t, s.Prepare(key, "app"))
	}
	one, two := mounted(t, s, "c1"), mounted(t, s, "c2")
	if got := text(t, one+"/name"); got != "app" {
		t.Errorf("the container sees %q, want what the top layer has", got)
	}
	require.NoError(t, os.WriteFile(one+"/name", []byte("mine"), 0o644))
	if got := text(t, two+"/name"); got != "app" {
		t.Errorf("a write of one container is seen by the other: %q", got)
	}
	layers, err := s.Layers("c1")
	require.NoError(t, err)
	require.Len(t, layers, 2)
	if got := text(t, layers[0]+"/name"); got != "app" {
		t.Errorf("the first of Layers is %s, want the top", got)
	}
}

func TestWithoutAParentThereIsNoOverlay(t *testing.T) {
	s := open(t)
	require.NoError(t, s.Prepare("c", ""))
	m, err := s.Mount("c")
	require.NoError(t, err)
	require.Equal(t, "bind", m.Type)
	commit(t, s, "base", "", "f", "1")
	m, err = s.Mount("base")
	require.NoError(t, err)
	if m.Type != "bind" || !slices.Contains(m.Options, "ro") {
		t.Errorf("a single committed tree is mounted as %+v, want a read-only bind mount", m)
	}
}

func TestLayersAreLaidOutInAnyOrderAndCommittedInOne(t *testing.T) {
	s := open(t)
	require.NoError(t, s.Prepare("second", "chain1"), "its parent is not there yet")
	require.NoError(t, s.Prepare("first", ""))
	_, err := s.Mount("second")
	require.ErrorIs(t, err, fs.ErrNotExist, "Mount asks for the parent")
	require.ErrorIs(t, s.Commit("chain2", "second"), fs.ErrNotExist, "and so does Commit")
	require.NoError(t, s.Prepare("on a key", "first"))
	_, err = s.Mount("on a key")
	require.ErrorIs(t, err, fs.ErrNotExist, "a parent that is not committed may still change")
	require.NoError(t, s.Commit("chain1", "first"))
	require.NoError(t, s.Commit("chain2", "second"))
	if !s.Has("chain2") || s.Has("second") {
		t.Error("after Commit the name is there and the key is not")
	}
}

func TestCommitOfANameThatIsTakenKeepsBoth(t *testing.T) {
	s := open(t)
	commit(t, s, "base", "", "f", "first")
	require.NoError(t, s.Prepare("again", ""))
	require.ErrorIs(t, s.Commit("base", "again"), fs.ErrExist)
	require.ErrorIs(t, s.Prepare("base", ""), fs.ErrExist)
	upper, err := s.Upper("base")
	require.NoError(t, err)
	if got := text(t, upper+"/f"); got != "first" {
		t.Errorf("the committed tree has %q now", got)
	}
	require.NoError(t, s.Remove("again"))
}

func TestRemoveRefusesWhatIsStoodOn(t *testing.T) {
	s := open(t)
	commit(t, s, "base", "", "f", "1")
	require.NoError(t, s.Prepare("c", "base"))
	require.Error(t, s.Remove("base"), "a container stands on it")
	require.NoError(t, s.Remove("c"))
	require.NoError(t, s.Remove("base"))
	require.NoError(t, s.Remove("base"), "missing is fine")
	entries, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	require.Empty(t, entries, "nothing is left")
}

func TestOpenFindsEverythingAndSweepsWhatIsHalfMade(t *testing.T) {
	s := open(t)
	commit(t, s, "base", "", "f", "1")
	commit(t, s, "app", "base", "f", "2")
	require.NoError(t, s.Prepare("c", "app"))
	upper, err := s.Upper("c")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(upper+"/mine", []byte("kept"), 0o644))
	// A crash in the middle of Prepare, and one in the middle of Remove.
	require.NoError(t, os.MkdirAll(filepath.Join(s.dir, "77/fs/etc"), 0o755))
	require.NoError(t, s.Prepare("dying", "app"))
	require.NoError(t, s.unsave(s.byName["dying"]))
	require.NoError(t, os.WriteFile(s.dir+"/readme", nil, 0o644))

	again := reopen(t, s.dir)
	if !again.Has("app") || !again.Has("base") || again.Has("c") {
		t.Error("committed are base and app, c is active")
	}
	if got := text(t, mounted(t, again, "c")+"/mine"); got != "kept" {
		t.Errorf("after the crash the container has %q", got)
	}
	for _, dir := range []string{filepath.Join(s.dir, "77"), s.path(s.byName["dying"].ID)} {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s is half-made and was not swept", dir)
		}
	}
	if _, err := os.Stat(s.dir + "/readme"); err != nil {
		t.Error("a file that is not ours was swept")
	}
	require.Error(t, again.Remove("app"), "c still stands on it")
	require.NoError(t, again.Prepare("new", "app"))
	if again.byName["new"].ID <= 77 {
		t.Errorf("the number %d is given a second time", again.byName["new"].ID)
	}
}

func TestTheTopDirectoryIsLikeTheParents(t *testing.T) {
	s := open(t)
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	require.NoError(t, s.Prepare("first", ""))
	upper, err := s.Upper("first")
	require.NoError(t, err)
	info, err := os.Stat(upper)
	require.NoError(t, err)
	if info.Mode().Perm() != 0o755 {
		t.Errorf("the root directory is %v, whatever our umask is it must be 0755", info.Mode())
	}
	require.NoError(t, unix.Chmod(upper, 0o1777))
	require.NoError(t, os.Chown(upper, 7, 8))
	require.NoError(t, s.Commit("base", "first"))
	require.NoError(t, s.Prepare("c", "base"))
	var st unix.Stat_t
	require.NoError(t, unix.Stat(mounted(t, s, "c"), &st))
	if st.Mode&0o7777 != 0o1777 || st.Uid != 7 || st.Gid != 8 {
		t.Errorf("the container's / is %o of %d:%d, want that of its image", st.Mode&0o7777, st.Uid, st.Gid)
	}
}

func TestUsageCountsAFileWithManyNamesOnce(t *testing.T) {
	s := open(t)
	require.NoError(t, s.Prepare("c", ""))
	upper, err := s.Upper("c")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(upper+"/big", make([]byte, 1<<20), 0o644))
	require.NoError(t, os.Link(upper+"/big", upper+"/same"))
	require.NoError(t, os.Symlink("/etc", upper+"/out"))
	sparse, err := os.Create(upper + "/sparse")
	require.NoError(t, err)
	require.NoError(t, sparse.Truncate(1<<30))
	require.NoError(t, sparse.Close())
	n, err := s.Usage("c")
	require.NoError(t, err)
	if n < 1<<20 || n > 1<<20+65536 {
		t.Errorf("1 MiB, a second name for it and a hole take %d bytes", n)
	}
}

func TestManyAtOnce(t *testing.T) {
	s := open(t)
	commit(t, s, "base", "", "f", "1")
	var all sync.WaitGroup
	errs := make(chan error, 400)
	for i := range 20 {
		all.Go(func() {
			for n := range 5 {
				key := fmt.Sprintf("c-%d-%d", i, n)
				errs <- s.Prepare(key, "base")
				_, err := s.Mount(key)
				errs <- err
				if n%2 == 0 {
					errs <- s.Commit("done "+key, key)
				} else {
					errs <- s.Remove(key)
				}
			}
		})
	}
	all.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	if got := len(reopen(t, s.dir).Names(true)); got != 61 {
		t.Errorf("%d names are committed, want 61", got)
	}
}

func TestWhatIsNotThereIsASentence(t *testing.T) {
	s := open(t)
	_, mount := s.Mount("x")
	_, upper := s.Upper("x")
	_, layers := s.Layers("x")
	_, usage := s.Usage("x")
	for _, err := range []error{mount, upper, layers, usage, s.Commit("y", "x")} {
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.ErrorContains(t, err, "no snapshot x")
	}
	require.Error(t, s.Prepare("", ""))
	require.NoError(t, s.Sync())
}
