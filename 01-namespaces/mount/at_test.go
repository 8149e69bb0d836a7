package mount

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/sandboxtest"
)

// find is the topmost entry of the mount table at a path.
func find(t *testing.T, path string) (found Entry, ok bool) {
	t.Helper()
	table, err := Table()
	require.NoError(t, err)
	for _, e := range table {
		if e.Target == path {
			found, ok = e, true
		}
	}
	return found, ok
}

func TestAtMountsAndUnmountTakesAway(t *testing.T) {
	sandboxtest.NeedRoot(t)
	root, source := t.TempDir(), t.TempDir()
	file := filepath.Join(source, "file")
	require.NoError(t, os.WriteFile(file, []byte("hello"), 0o644))
	for _, c := range []struct {
		mount Mount
		want  string // option that the mount must have
	}{
		{Mount{Type: "tmpfs", Source: "tmpfs", Target: "/a/b", Options: []string{"nodev", "size=64k"}}, "nodev"},
		{Mount{Type: "bind", Source: source, Target: "/dir", Options: []string{"ro", "rprivate"}}, "ro"},
		{Mount{Type: "bind", Source: file, Target: "/deep/file"}, "rw"},
		{Mount{Type: "tmpfs", Target: "/own", Options: []string{"private"}}, "rw"},
	} {
		require.NoError(t, c.mount.At(root))
		path := filepath.Join(root, c.mount.Target)
		e, ok := find(t, path)
		if !ok || !slices.Contains(e.Options, c.want) {
			t.Errorf("%s: %+v has no option %s", c.mount, e, c.want)
		}
		if c.mount.Options != nil && strings.Contains(c.mount.Options[len(c.mount.Options)-1], "private") && len(e.Optional) > 0 {
			t.Errorf("%s is not private: %v", c.mount, e.Optional)
		}
		require.NoError(t, Unmount(path))
		if _, ok := find(t, path); ok {
			t.Errorf("%s is still there", path)
		}
	}
	require.ErrorIs(t, Unmount(root), unix.EINVAL)
}

func TestReadOnlyTree(t *testing.T) {
	sandboxtest.NeedRoot(t)
	root, source := t.TempDir(), t.TempDir()
	require.NoError(t, Mount{Type: "tmpfs", Target: "/below"}.At(source))
	defer Unmount(source + "/below")
	for _, option := range []string{"ro", "rro", "ro"} {
		want := option == "rro"
		// Private, or the copy would take the mount below with it when it goes:
		// it is a peer of the original, and so unmounting travels.
		require.NoError(t, Mount{Type: "bind", Source: source, Target: "/m", Options: []string{"rbind", option, "rprivate"}}.At(root))
		err := os.WriteFile(filepath.Join(root, "m/below/x"), nil, 0o644)
		if sealed := err != nil; sealed != want {
			t.Errorf("%s: what is mounted below is read-only: %v, want %v: %v", option, sealed, want, err)
		}
		require.NoError(t, Unmount(filepath.Join(root, "m")))
	}
}

func TestOverlayHasShortNames(t *testing.T) {
	sandboxtest.NeedRoot(t)
	base, root := t.TempDir(), t.TempDir()
	require.NoError(t, Mount{Type: "tmpfs", Target: "/"}.At(base)) // an overlay cannot be the upper of an overlay
	defer Unmount(base)
	for _, dir := range []string{"low", "up", "work"} {
		require.NoError(t, os.Mkdir(filepath.Join(base, dir), 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(base, "low/x"), nil, 0o644))
	before, err := os.Getwd()
	require.NoError(t, err)
	m := Mount{Type: "overlay", Source: base, Target: "/", Options: []string{"lowerdir=low", "upperdir=up", "workdir=work"}}
	require.NoError(t, m.At(root))
	defer Unmount(root)
	require.FileExists(t, filepath.Join(root, "x"))
	after, err := os.Getwd()
	require.NoError(t, err)
	require.Equal(t, before, after, "our own working directory must not move")
}

func TestTargetsThatAreLinksStayInside(t *testing.T) { // CVE-2021-30465
	sandboxtest.NeedRoot(t)
	root, canary := t.TempDir(), t.TempDir()
	require.NoError(t, os.Symlink(canary, filepath.Join(root, "abs")))
	require.NoError(t, os.Symlink("../../../../../../../.."+canary, filepath.Join(root, "rel")))
	require.NoError(t, os.MkdirAll(filepath.Join(root, canary), 0o755))
	for _, target := range []string{"/abs/x", "/rel/x", "/abs/../../../../../x"} {
		require.NoError(t, Mount{Type: "tmpfs", Target: target}.At(root))
		entries, err := os.ReadDir(canary)
		require.NoError(t, err)
		require.Empty(t, entries, "%s led out of the root", target)
	}
	table, err := Table()
	require.NoError(t, err)
	for _, e := range table {
		if strings.HasPrefix(e.Target, root) {
			require.NoError(t, Unmount(e.Target))
		} else if e.Type == "tmpfs" && strings.HasPrefix(e.Target, canary) {
			t.Errorf("%s is mounted outside of the root", e.Target)
		}
	}
}

func TestAtErrors(t *testing.T) {
	sandboxtest.NeedRoot(t)
	root := t.TempDir()
	for _, c := range []struct {
		mount Mount
		want  string
	}{
		{Mount{Type: "tmpfs", Target: "x"}, "mount tmpfs on x: the target must be an absolute path"},
		{Mount{Type: "bind", Source: "/nowhere", Target: "/x"}, "mount /nowhere on /x: no such file or directory"},
		{Mount{Type: "nofs", Target: "/x"}, "mount nofs on /x: no such device"},
	} {
		if err := c.mount.At(root); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}
