package layer_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/sandboxtest"
	"drydock/04-images/layer"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, nil) }

var then = time.Unix(1_500_000_000, 123_456_789)

// A file makes a header of one word: "etc/" is a directory, "a=text" a file,
// "a->b" a symbolic link, "a=>b" a hard link, "a|" a fifo.
func header(word string) (*tar.Header, string) {
	h := &tar.Header{Mode: 0o755, ModTime: then, Format: tar.FormatPAX}
	if name, target, ok := strings.Cut(word, "->"); ok {
		h.Typeflag, h.Name, h.Linkname = tar.TypeSymlink, name, target
		return h, ""
	}
	if name, target, ok := strings.Cut(word, "=>"); ok {
		h.Typeflag, h.Name, h.Linkname = tar.TypeLink, name, target
		return h, ""
	}
	if name, text, ok := strings.Cut(word, "="); ok {
		h.Typeflag, h.Name, h.Size = tar.TypeReg, name, int64(len(text))
		return h, text
	}
	if name, ok := strings.CutSuffix(word, "|"); ok {
		h.Typeflag, h.Name = tar.TypeFifo, name
		return h, ""
	}
	h.Typeflag, h.Name = tar.TypeDir, word
	return h, ""
}

func pack(t testing.TB, words ...string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, word := range words {
		h, text := header(word)
		require.NoError(t, w.WriteHeader(h))
		_, err := io.WriteString(w, text)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// apply lays a tar out in dir.
func apply(t testing.TB, dir string, b []byte, o layer.Options) (layer.Result, error) {
	root, err := os.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	return layer.Apply(root, bytes.NewReader(b), o)
}

func diff(t testing.TB, dir string) []byte {
	root, err := os.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	var b bytes.Buffer
	_, err = layer.Diff(&b, root)
	require.NoError(t, err)
	return b.Bytes()
}

// tree describes everything below dir, one line a name.
func tree(t testing.TB, dir string) []string {
	var lines []string
	first := map[uint64]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name := path[len(dir)+1:]
		var st unix.Stat_t
		require.NoError(t, unix.Lstat(path, &st))
		line := fmt.Sprintf("%s %o %d:%d %d.%09d dev %d", name, st.Mode, st.Uid, st.Gid, st.Mtim.Sec, st.Mtim.Nsec, st.Rdev)
		switch d.Type() {
		case 0:
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			line += fmt.Sprintf(" %q", text)
			if other, ok := first[st.Ino]; ok {
				line += " is " + other
			} else {
				first[st.Ino] = name
			}
		case fs.ModeSymlink:
			target, err := os.Readlink(path)
			require.NoError(t, err)
			line += " -> " + target
		}
		for _, key := range []string{"user.note", "security.capability", "trusted.overlay.opaque"} {
			value := make([]byte, 100)
			if n, err := unix.Lgetxattr(path, key, value); err == nil {
				line += fmt.Sprintf(" %s=%x", key, value[:n])
			}
		}
		lines = append(lines, line)
		return nil
	})
	require.NoError(t, err)
	sort.Strings(lines)
	return lines
}

// rich fills dir with one of each kind of thing that a layer may hold.
func rich(t *testing.T, dir string) {
	at := func(name string) string { return filepath.Join(dir, name) }
	long := strings.Repeat("n", 255)
	deep := strings.Repeat("d/", 400) + "deep"
	require.NoError(t, os.MkdirAll(at(filepath.Dir(deep)), 0o755))
	require.NoError(t, os.WriteFile(at(deep), []byte("deep"), 0o600))
	require.NoError(t, os.WriteFile(at(long), []byte("long"), 0o644))
	require.NoError(t, os.Mkdir(at("bin"), 0o751))
	require.NoError(t, os.WriteFile(at("bin/su"), bytes.Repeat([]byte("su"), 1<<20), 0o755))
	require.NoError(t, unix.Lchown(at("bin/su"), 12, 34))
	require.NoError(t, unix.Chmod(at("bin/su"), 0o6755))
	require.NoError(t, os.Link(at("bin/su"), at("bin/sudo")))
	require.NoError(t, os.Symlink("../etc/shadow", at("bin/link")))
	require.NoError(t, unix.Lchown(at("bin/link"), 5, 6))
	require.NoError(t, unix.Mknod(at("null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))))
	require.NoError(t, unix.Mknod(at("disk"), unix.S_IFBLK|0o660, int(unix.Mkdev(300, 70000))))
	require.NoError(t, unix.Mknod(at("pipe"), unix.S_IFIFO|0o600, 0))
	require.NoError(t, unix.Mknod(at("gone"), unix.S_IFCHR, 0))
	require.NoError(t, os.Mkdir(at("new"), 0o700))
	require.NoError(t, unix.Setxattr(at("new"), "trusted.overlay.opaque", []byte("y"), 0))
	require.NoError(t, unix.Setxattr(at("bin/su"), "user.note", []byte("a\x00b=c"), 0))
	capability := []byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	require.NoError(t, unix.Setxattr(at("bin/su"), "security.capability", capability, 0))
	for i, name := range []string{"bin/link", "bin/su", "bin", "null", "pipe", "gone", long} {
		times := []unix.Timespec{{Sec: 1}, {Sec: int64(1_600_000_000 + i), Nsec: 987654321}}
		if name == "gone" {
			times[1].Nsec = 0 // an empty file named .wh.gone, not worth a record
		}
		require.NoError(t, unix.UtimesNanoAt(unix.AT_FDCWD, at(name), times, unix.AT_SYMLINK_NOFOLLOW))
	}
}

func TestWhatDiffWritesApplyMakesAgain(t *testing.T) {
	before, after := t.TempDir(), t.TempDir()
	rich(t, before)
	first := diff(t, before)
	result, err := apply(t, after, first, layer.Options{Whiteouts: true})
	require.NoError(t, err)
	want, got := tree(t, before), tree(t, after)
	for i := range want {
		if want[i] = strings.Replace(want[i], fmt.Sprintf("gone %o 0:0 %d", unix.S_IFCHR, 1_600_000_005), "gone", 1); strings.HasPrefix(want[i], "gone") {
			continue // a whiteout has no time of its own
		}
		require.Equal(t, want[i], got[i])
	}
	require.Equal(t, len(want), len(got))
	if result.Size != 2<<20+8 {
		t.Errorf("the files have %d bytes, want %d: a hard link is counted once", result.Size, 2<<20+8)
	}
	if result.Replay {
		t.Error("all links lead to files of the layer itself, so nothing has to be done twice")
	}
}

func TestTheSameTreeGivesTheSameBytes(t *testing.T) {
	dir := t.TempDir()
	rich(t, dir)
	require.Equal(t, diff(t, dir), diff(t, dir))
}

// hostile are layers that try to reach what lies beside their root.
var hostile = map[string]struct {
	words   []string
	refused bool
}{
	"dot dot":                         {[]string{"../canary/x=evil"}, true},
	"dot dot inside":                  {[]string{"a/../../canary/x=evil"}, true},
	"absolute":                        {[]string{"/../../canary/x=evil"}, false},
	"symlink, then through it":        {[]string{"d->../canary", "d/x=evil"}, false},
	"absolute symlink, then through":  {[]string{"d->CANARY", "d/x=evil"}, false},
	"symlink chain":                   {[]string{"a->..", "b->a/..", "c->b/canary", "c/x=evil"}, false},
	"symlink to itself":               {[]string{"a->a", "a/x=evil"}, true},
	"file written through a link":     {[]string{"x->../canary/keep", "x=evil"}, false},
	"directory made through a link":   {[]string{"x->../canary", "x/"}, false},
	"hard link to outside":            {[]string{"h=>../canary/keep", "h=evil"}, true},
	"hard link to absolute":           {[]string{"h=>CANARY/keep"}, true},
	"hard link through a symlink":     {[]string{"d->../canary", "h=>d/keep"}, true},
	"hard link to the root":           {[]string{"h=>/"}, true},
	"whiteout of dot dot":             {[]string{".wh..."}, true},
	"whiteout of dot":                 {[]string{".wh..=", "a="}, true},
	"whiteout of nothing":             {[]string{".wh.="}, true},
	"whiteout through a link":         {[]string{"d->../canary", "d/.wh.keep="}, false},
	"opaque through a link":           {[]string{"d->../canary", "d/.wh..wh..opq="}, false},
	"whiteout outside":                {[]string{"../canary/.wh.keep="}, true},
	"whiteout as a directory":         {[]string{".wh.d/", ".wh.d/x=evil"}, true},
	"file as a directory":             {[]string{"f=x", "f/x=evil"}, true},
	"the root is a file":              {[]string{".=x"}, true},
	"the root is a link":              {[]string{".->../canary", "x=evil"}, true},
	"proc":                            {[]string{"p->/proc/self/root", "p/CANARY/x=evil"}, false},
	"link replaced between two files": {[]string{"d/", "d/a=1", "d->../canary", "d/x=evil"}, false},
}

func TestHostileNamesStayInside(t *testing.T) {
	for name, c := range hostile {
		for _, whiteouts := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, whiteouts %v", name, whiteouts), func(t *testing.T) {
				top := t.TempDir()
				root, canary := filepath.Join(top, "root"), filepath.Join(top, "canary")
				require.NoError(t, os.Mkdir(root, 0o755))
				require.NoError(t, os.Mkdir(canary, 0o755))
				require.NoError(t, os.WriteFile(filepath.Join(canary, "keep"), []byte("keep"), 0o644))
				before := tree(t, canary)
				var words []string
				for _, w := range c.words {
					words = append(words, strings.ReplaceAll(w, "CANARY", canary))
				}
				// Below is known to be empty, so that hard links are decided here.
				_, err := apply(t, root, pack(t, words...), layer.Options{Whiteouts: whiteouts, Below: &layer.Below{}})
				if whiteouts && c.refused && err == nil {
					t.Error("this layer should have been refused")
				}
				if !c.refused && err != nil {
					t.Errorf("what such names mean inside the root is harmless, but it was refused: %v", err)
				}
				require.Equal(t, before, tree(t, canary), "something outside of the root has changed")
				require.NoFileExists(t, filepath.Join(top, "x"))
			})
		}
	}
}

func TestALaterEntryWins(t *testing.T) {
	dir := t.TempDir()
	_, err := apply(t, dir, pack(t, "a=1", "a=2", "b/", "b/c/", "b/c/x=1", "b=file", "l->a", "l=3", "d=1", "d/", "f|", "f|"), layer.Options{})
	require.NoError(t, err)
	for name, want := range map[string]string{"a": "2", "b": "file", "l": "3"} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		if string(got) != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	require.DirExists(t, filepath.Join(dir, "d"))
}

func TestDirectoriesKeepTheirTimes(t *testing.T) {
	dir := t.TempDir()
	words := []string{"a/", "a/b/", "l->a/b"}
	for i := range 200 { // more than are kept open
		words = append(words, fmt.Sprintf("d%d/", i), fmt.Sprintf("d%d/f=x", i))
	}
	words = append(words, "a/b/late=x", "l/later=x", "d0/late=x")
	_, err := apply(t, dir, pack(t, words...), layer.Options{})
	require.NoError(t, err)
	for _, name := range []string{"a", "a/b", "d0", "d100"} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		if !info.ModTime().Equal(then) {
			t.Errorf("%s was changed at %v, its entry says %v: what was put into it changed its time", name, info.ModTime(), then)
		}
	}
}

func TestASparseFileStaysSparse(t *testing.T) {
	// tar --sparse, in the GNU and in the POSIX format: 64 MiB, all but its end a hole.
	for _, name := range []string{"sparse.tar", "sparse-pax.tar"} {
		dir := t.TempDir()
		b, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		_, err = apply(t, dir, b, layer.Options{})
		require.NoError(t, err)
		var st unix.Stat_t
		require.NoError(t, unix.Stat(filepath.Join(dir, "sparse"), &st))
		if st.Size != 64<<20 || st.Blocks*512 > 1<<20 {
			t.Errorf("%s: the file has %d bytes on %d of disk, want %d on very few", name, st.Size, st.Blocks*512, 64<<20)
		}
	}
}

func TestALayerMayNotGrowBeyondTheLimit(t *testing.T) {
	cases := map[string][]byte{
		"one large file":  pack(t, "a="+strings.Repeat("x", 100_000)),
		"many small ones": pack(t, strings.Split(strings.Repeat("d/ ", 30), " ")[:30]...),
		"a long tail":     append(pack(t, "a=1"), make([]byte, 100_000)...),
	}
	for name, b := range cases {
		if _, err := apply(t, t.TempDir(), b, layer.Options{Limit: 50_000}); !errors.Is(err, layer.ErrLimit) {
			t.Errorf("%s: %v, want %v", name, err, layer.ErrLimit)
		}
	}
}

func TestATruncatedTarIsAnError(t *testing.T) {
	b := pack(t, "dir/", "dir/a=hello", "b=world")
	for _, text := range []string{"hello", "world", "ustar"} {
		cut := bytes.LastIndex(b, []byte(text)) + 2
		if _, err := apply(t, t.TempDir(), b[:cut], layer.Options{}); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut in the middle of %q: %v, want %v", text, err, io.ErrUnexpectedEOF)
		}
	}
}

func TestOverlayAttributesOfStrangersAreDropped(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	h, _ := header("d/")
	h.PAXRecords = map[string]string{
		"SCHILY.xattr.trusted.overlay.redirect": "/etc", "SCHILY.xattr.user.overlay.opaque": "y", "SCHILY.xattr.user.note": "stays",
	}
	require.NoError(t, w.WriteHeader(h))
	require.NoError(t, w.Close())
	dir := t.TempDir()
	_, err := apply(t, dir, b.Bytes(), layer.Options{Whiteouts: true})
	require.NoError(t, err)
	list := make([]byte, 1000)
	n, err := unix.Listxattr(filepath.Join(dir, "d"), list)
	require.NoError(t, err)
	if got := string(list[:n]); got != "user.note\x00" {
		t.Errorf("attributes are %q; a redirect of overlayfs would show another directory in this place", got)
	}
}
