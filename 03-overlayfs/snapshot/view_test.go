package snapshot

import (
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/mount"
)

// view is the path of a View.
func view(t *testing.T, s *Store, name string) string {
	t.Helper()
	f, err := s.View(name)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return fmt.Sprintf("/proc/self/fd/%d", f.Fd())
}

func TestViewShowsTheMergedTreeToNobodyElse(t *testing.T) {
	s := open(t)
	before, err := mount.Table()
	require.NoError(t, err)
	commit(t, s, "base", "", "low", "1")
	commit(t, s, "app", "base", "high", "2")
	require.NoError(t, s.Prepare("c", "app"))
	upper, err := s.Upper("c")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(upper+"/mine", []byte("3"), 0o644))
	for name, files := range map[string][]string{
		"base": {"low"}, "app": {"low", "high"}, "c": {"low", "high", "mine"},
	} {
		path := view(t, s, name)
		for _, file := range files {
			text(t, path+"/"+file)
		}
		if err := os.WriteFile(path+"/low", nil, 0o644); err == nil {
			t.Errorf("the view of %s can be written to", name)
		}
	}
	after, err := mount.Table()
	require.NoError(t, err)
	if len(after) != len(before) {
		t.Errorf("there are %d mounts, before there were %d: a view is attached nowhere", len(after), len(before))
	}
}

func TestViewEndsWhenItIsClosed(t *testing.T) {
	s := open(t)
	commit(t, s, "base", "", "f", "1")
	commit(t, s, "app", "base", "f", "2")
	f, err := s.View("app")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	require.NoError(t, unix.Unmount(s.dir, 0), "the store's file system is not busy any more")
	require.NoError(t, unix.Mount("tmpfs", s.dir, "tmpfs", 0, ""))
}
