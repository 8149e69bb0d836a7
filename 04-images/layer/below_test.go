package layer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/04-images/layer"
)

// merged mounts upper on lowers (top first) and describes what the kernel
// shows.
func merged(t *testing.T, upper string, lowers ...string) []string {
	at := t.TempDir()
	options := "lowerdir=" + strings.Join(append([]string{upper}, lowers...), ":")
	require.NoError(t, unix.Mount("overlay", at, "overlay", unix.MS_RDONLY, options))
	defer unix.Unmount(at, 0)
	return tree(t, at)
}

// names are the first words of a tree's lines.
func names(lines []string) string {
	var all []string
	for _, line := range lines {
		name, _, _ := strings.Cut(line, " ")
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

func TestLayersMergeAsTheKernelShowsThem(t *testing.T) {
	base := []string{"a=1", "d/", "d/x=1", "d/y=1", "e/", "e/x=1", "keep="}
	cases := map[string]struct {
		words []string
		want  string
	}{
		"a file is gone":                            {[]string{".wh.a="}, "d d/x d/y e e/x keep"},
		"a directory is gone":                       {[]string{".wh.d="}, "a e e/x keep"},
		"one of a directory is gone":                {[]string{"d/.wh.x="}, "a d d/y e e/x keep"},
		"opaque":                                    {[]string{"d/", "d/.wh..wh..opq=", "d/z=2"}, "a d d/z e e/x keep"},
		"opaque behind its files":                   {[]string{"d/", "d/z=2", "d/.wh..wh..opq="}, "a d d/z e e/x keep"},
		"opaque without an entry":                   {[]string{"d/.wh..wh..opq="}, "a d e e/x keep"},
		"whiteout and then a new directory":         {[]string{".wh.d=", "d/", "d/z=2"}, "a d d/z e e/x keep"},
		"a new directory and then its whiteout":     {[]string{"d/", "d/z=2", ".wh.d="}, "a d d/z e e/x keep"},
		"whiteout and then an implied directory":    {[]string{".wh.d=", "d/z=2"}, "a d d/z e e/x keep"},
		"whiteout and then a file":                  {[]string{".wh.a=", "a=2"}, "a d d/x d/y e e/x keep"},
		"a file and then its whiteout":              {[]string{"a=2", ".wh.a="}, "a d d/x d/y e e/x keep"},
		"whiteout of what never was":                {[]string{".wh.nothing="}, "a d d/x d/y e e/x keep"},
		"everything is gone":                        {[]string{".wh..wh..opq=", "new="}, "new"},
		"everything is gone and what is new before": {[]string{"new=", "d/", ".wh..wh..opq="}, "d new"},
		"files of aufs":                             {[]string{".wh..wh.plnk/", ".wh..wh.aufs="}, "a d d/x d/y e e/x keep"},
		"a directory becomes a file":                {[]string{"d=2"}, "a d e e/x keep"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			lower, upper := t.TempDir(), t.TempDir()
			_, err := apply(t, lower, pack(t, base...), layer.Options{Whiteouts: true, Below: &layer.Below{}})
			require.NoError(t, err)
			stand(t, upper, pack(t, c.words...), lower)
			if got := names(merged(t, upper, lower)); got != c.want {
				t.Errorf("merged, there are %s, want %s", got, c.want)
			}
		})
	}
}

// stand lays a layer out as the store does: without its parents first, then
// settled on them, and once more if that fails. It says whether it did.
func stand(t *testing.T, upper string, b []byte, lowers ...string) (again bool) {
	result, err := apply(t, upper, b, layer.Options{Whiteouts: true})
	require.NoError(t, err)
	below, err := layer.OpenBelow(lowers)
	require.NoError(t, err)
	defer below.Close()
	root, err := os.Open(upper)
	require.NoError(t, err)
	defer root.Close()
	ok, err := layer.Settle(root, result, below)
	require.NoError(t, err)
	if ok {
		return false
	}
	entries, err := os.ReadDir(upper)
	require.NoError(t, err)
	for _, e := range entries {
		require.NoError(t, os.RemoveAll(filepath.Join(upper, e.Name())))
	}
	_, err = apply(t, upper, b, layer.Options{Whiteouts: true, Below: below})
	require.NoError(t, err)
	return true
}

func TestImpliedDirectoriesLookLikeTheOnesBelow(t *testing.T) {
	lower, upper := t.TempDir(), t.TempDir()
	_, err := apply(t, lower, pack(t, "etc/", "etc/ssl/"), layer.Options{})
	require.NoError(t, err)
	require.NoError(t, unix.Chmod(lower, 0o711))
	dir := filepath.Join(lower, "etc/ssl")
	require.NoError(t, os.Chown(dir, 7, 8))
	require.NoError(t, unix.Chmod(dir, 0o2750))
	require.NoError(t, unix.Setxattr(dir, "user.note", []byte("x"), 0))
	require.NoError(t, unix.UtimesNanoAt(unix.AT_FDCWD, dir, []unix.Timespec{{Sec: 5}, {Sec: 5}}, 0))
	if stand(t, upper, pack(t, "etc/ssl/key=secret"), lower) {
		t.Error("directories are directories below, so one pass is enough")
	}
	want := tree(t, lower)[1]
	if got := tree(t, upper)[1]; got != want {
		t.Errorf("the merged directory is\n%s, below it was\n%s", got, want)
	}
	info, err := os.Stat(upper)
	require.NoError(t, err)
	if info.Mode().Perm() != 0o711 {
		t.Errorf("the root has mode %o, below it has 711", info.Mode().Perm())
	}
}

func TestAnImpliedDirectoryMayBeALinkBelow(t *testing.T) {
	bottom, middle, upper := t.TempDir(), t.TempDir(), t.TempDir()
	_, err := apply(t, bottom, pack(t, "run/", "run/old=1", "var/", "var/run->/run"), layer.Options{})
	require.NoError(t, err)
	_, err = apply(t, middle, pack(t, "other="), layer.Options{})
	require.NoError(t, err)
	if !stand(t, upper, pack(t, "var/run/app/pid=7"), middle, bottom) {
		t.Fatal("only a second pass can know that var/run is a link")
	}
	got := names(merged(t, upper, middle, bottom))
	if want := "other run run/app run/app/pid run/old var var/run"; got != want {
		t.Errorf("merged, there are %s, want %s", got, want)
	}
}

func TestAHardLinkMayLeadToALayerBelow(t *testing.T) {
	lower, upper := t.TempDir(), t.TempDir()
	_, err := apply(t, lower, pack(t, "usr/", "usr/lib/", "usr/lib/a=text", "lib->usr/lib"), layer.Options{})
	require.NoError(t, err)
	if !stand(t, upper, pack(t, "b=>lib/a"), lower) {
		t.Fatal("only a second pass can find the file below")
	}
	for _, name := range []string{"b", "usr/lib/a"} {
		got, err := os.ReadFile(filepath.Join(upper, name))
		require.NoError(t, err)
		if string(got) != "text" {
			t.Errorf("%s is %q, want the text of the file below", name, got)
		}
	}
}

func TestAHardLinkToNothingIsRefused(t *testing.T) {
	below, err := layer.OpenBelow([]string{t.TempDir()})
	require.NoError(t, err)
	defer below.Close()
	_, err = apply(t, t.TempDir(), pack(t, "b=>a"), layer.Options{Whiteouts: true, Below: below})
	require.ErrorIs(t, err, unix.ENOENT)
}

// FuzzApply builds tars from a small alphabet of troublesome names. Law: what
// is outside stays as it was, and what Diff writes of the tree, Apply makes
// again.
func FuzzApply(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5})
	f.Add([]byte("d->../canary and then d/x"))
	f.Add([]byte{9, 2, 17, 33, 80, 81, 82, 99, 120, 200, 210, 255})
	names := []string{"a", "b", "a/b", "b/a", "a/b/c", "..", "../canary", "/", "./a", "a/..", ".wh.a", "a/.wh.b", "a/.wh..wh..opq", ".wh..", "a/../../canary/keep", "b/../a"}
	forms := []string{"%s/", "%s=text", "%[1]s->%[2]s", "%[1]s=>%[2]s", "%s|", "%s->../canary", "%s->/", "%s="}
	f.Fuzz(func(t *testing.T, script []byte) {
		top := t.TempDir()
		root, canary := filepath.Join(top, "root"), filepath.Join(top, "canary")
		require.NoError(t, os.Mkdir(root, 0o755))
		require.NoError(t, os.Mkdir(canary, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(canary, "keep"), []byte("keep"), 0o644))
		before := tree(t, canary)
		var words []string
		for i := 0; i+2 < len(script) && i < 60; i += 3 {
			form := forms[int(script[i])%len(forms)]
			name, other := names[int(script[i+1])%len(names)], names[int(script[i+2])%len(names)]
			word := fmt.Sprintf(form+"%.0[2]s", name, other)
			if strings.HasSuffix(name, "/") && !strings.HasSuffix(word, "/") {
				continue // the tar writer refuses it
			}
			words = append(words, word)
		}
		below, err := layer.OpenBelow([]string{canary})
		require.NoError(t, err)
		defer below.Close()
		_, err = apply(t, root, pack(t, words...), layer.Options{Whiteouts: true, Below: below, Limit: 1 << 20})
		require.Equal(t, before, tree(t, canary), "something outside of the root has changed by %q", words)
		if err != nil {
			return
		}
		b, again := diff(t, root), t.TempDir()
		_, err = apply(t, again, b, layer.Options{Whiteouts: true, Below: below})
		require.NoError(t, err)
		require.Equal(t, b, diff(t, again), "Diff, Apply and Diff again changed %q", words)
	})
}
