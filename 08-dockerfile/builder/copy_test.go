package builder

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// readNames lists a directory, sorted.
func readNames(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func open(t *testing.T, dir string) *os.File {
	t.Helper()
	f, err := os.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func TestWhereCopiesGo(t *testing.T) {
	y := newYard(t)
	for _, name := range []string{"a.txt", "b.txt", "d/x", "d/sub/y", "e/sub/z", "[odd]"} {
		y.file(name, "("+name+")")
	}
	for _, c := range []struct{ instructions, file, want string }{
		{"COPY a.txt /n", "n", "(a.txt)"},
		{"COPY a.txt /n/", "n/a.txt", "(a.txt)"},
		{"COPY a.txt /etc", "etc/a.txt", "(a.txt)"},
		{"COPY a.txt b.txt /n/m/", "n/m/b.txt", "(b.txt)"},
		{"COPY *.txt /n/", "n/b.txt", "(b.txt)"},
		{"COPY d /n", "n/sub/y", "(d/sub/y)"},
		{"COPY d e /n/", "n/sub/z", "(e/sub/z)"},
		{"COPY d/s* /n/", "n/y", "(d/sub/y)"},
		{"COPY [\"a.txt\", \"/n m\"]", "n m", "(a.txt)"},
		{"COPY [[]odd] /n/", "n/[odd]", "([odd])"},
		{"WORKDIR /w\nCOPY a.txt .", "w/a.txt", "(a.txt)"},
		{"WORKDIR /w\nCOPY a.txt n/m", "w/n/m", "(a.txt)"},
		{"ENV F=a\nCOPY $F.txt /$F", "a", "(a.txt)"},
		{"COPY a.txt /link/inside", "etc/inside", "(a.txt)"},
		{"COPY a.txt /link", "etc/a.txt", "(a.txt)"},
		{"RUN write /n 1\nCOPY a.txt /n", "n", "(a.txt)"},
		{"ENV V=v\nCOPY <<EOF <<'RAW' /n/\n$V\nEOF\n$V\nRAW", "n/EOF", "v\n"},
		{"ENV V=v\nCOPY <<EOF <<'RAW' /n/\n$V\nEOF\n$V\nRAW", "n/RAW", "$V\n"},
	} {
		img := y.made("FROM base\n" + c.instructions + "\n")
		if got := y.read(img, c.file); got != c.want {
			t.Errorf("%s: /%s is %q, want %q", c.instructions, c.file, got, c.want)
		}
	}
}

func TestCopiesThatCannotBe(t *testing.T) {
	y := newYard(t)
	y.file("a", "a")
	y.file("d/passwd/x", "x")
	y.file("e/link/x", "x")
	y.file("f/.wh.passwd", "")
	for text, want := range map[string]string{
		"COPY a d /n":          "the destination must be a directory and end with a /",
		"COPY a /etc/passwd/":  "is there and is no directory",
		"COPY d /etc":          "cannot copy a directory to /etc/passwd: it is there and is no directory",
		"COPY e /":             "cannot copy a directory to /link: it is there and is no directory",
		"COPY f /etc/":         "a layer cannot hold a file whose name begins with .wh.",
		"COPY nothing* /":      "file not found in build context",
		"COPY <<tmp /\nx\ntmp": "cannot replace the directory /tmp by a file",
	} {
		_, err := y.build("FROM base\n" + text + "\n")
		require.ErrorContains(t, err, want, text)
	}
}

func TestOwnerAndMode(t *testing.T) {
	y := newYard(t)
	y.file("d/a", "a")
	must(t, os.Chown(filepath.Join(y.dir, "d/a"), 77, 78))
	must(t, os.Chmod(filepath.Join(y.dir, "d/a"), 0o751|os.ModeSetuid))
	img := y.made("FROM base AS x\nCOPY d /1\nCOPY --chown=alice:boat d /2\nCOPY --chown=5 --chmod=640 d/a /3/a\nFROM base\nCOPY --from=x /2 /4\nCOPY --from=x --chown=root /2 /5\n")
	first := y.made("FROM base\nCOPY d /1\nCOPY --chown=alice:boat d /2\nCOPY --chown=5 --chmod=640 d/a /3/a\n")
	for _, c := range []struct{ file, want string }{{"1/a", "0:0 4751"}, {"2/a", "1000:50 4751"}, {"2", "1000:50 755"}, {"3/a", "5:5 640"}} {
		if got := y.stat(y.tree(first), c.file); got != c.want {
			t.Errorf("/%s is %s, want %s", c.file, got, c.want)
		}
	}
	for _, c := range []struct{ file, want string }{{"4/a", "1000:50 4751"}, {"5/a", "0:0 4751"}} {
		if got := y.stat(y.tree(img), c.file); got != c.want {
			t.Errorf("from a stage: /%s is %s, want %s", c.file, got, c.want)
		}
	}
}

func (y *yard) stat(tr tree, name string) string {
	defer tr.close()
	st, err := tr.stat(name)
	require.NoError(y, err)
	return fmt.Sprintf("%d:%d %o", st.Uid, st.Gid, st.Mode&0o7777)
}

func TestAnExistingDirectoryKeepsItsMode(t *testing.T) {
	y := newYard(t)
	y.file("d/x", "x")
	must(t, os.Chmod(filepath.Join(y.dir, "d"), 0o700))
	img := y.made("FROM base\nCOPY d /etc\n")
	if got := y.stat(y.tree(img), "etc"); got != "0:0 755" {
		t.Errorf("/etc is %s after a COPY of a directory with mode 700", got)
	}
}

func TestDockerignore(t *testing.T) {
	y := newYard(t)
	for _, name := range []string{"keep", "a.log", "logs/b.log", "logs/keep.log", "secret/key", "secret/public", "sub/a.log"} {
		y.file(name, name)
	}
	y.file(".dockerignore", "# comment\n*.log\n**/*.log\n!logs/keep.log\nsecret\n!secret/public\n.dockerignore\nDockerfile\n")
	img := y.made("FROM base\nCOPY . /c/\n")
	for name, want := range map[string]bool{
		"keep": true, "a.log": false, "logs/b.log": false, "logs/keep.log": true, "secret/key": false,
		"secret/public": true, "sub/a.log": false, ".dockerignore": false, "Dockerfile": false,
	} {
		if got := y.read(img, "c/"+name) == name; got != want {
			t.Errorf("%s was copied: %v, want %v", name, got, want)
		}
	}
	_, err := y.build("FROM base\nCOPY a.log /\n")
	require.ErrorContains(t, err, "excluded by .dockerignore")
	y.file("Dockerfile.dockerignore", "keep\n")
	img = y.made("FROM base\nCOPY . /c/\n")
	if got := y.read(img, "c/a.log"); got != "a.log" || strings.HasPrefix(y.read(img, "c/keep"), "keep") {
		t.Error("the ignore file of the Dockerfile itself must win")
	}
}

// canary is a directory of the host that nobody may read or change.
func canary(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("of the host"), 0o600))
	t.Cleanup(func() {
		names, err := readNames(dir)
		require.NoError(t, err)
		if !slices.Equal(names, []string{"secret"}) {
			t.Errorf("the build has written to the host: %v", names)
		}
	})
	return dir
}

func TestLinksOfTheContextStayInside(t *testing.T) {
	y := newYard(t)
	host := canary(t)
	y.file("real", "inside")
	up := strings.Repeat("../", 12) + host
	for name, target := range map[string]string{"absolute": host, "relative": up, "file": host + "/secret", "root": "/real"} {
		must(t, os.Symlink(target, filepath.Join(y.dir, name)))
	}
	for _, source := range []string{"absolute/secret", "relative/secret", "file", "absolute/*", "relative"} {
		_, err := y.build("FROM base\nCOPY " + source + " /stolen/\n")
		require.ErrorContains(t, err, "not found in build context", source)
	}
	img := y.made("FROM base\nCOPY . /all/\nCOPY root /root-file\n")
	if got := y.read(img, "all/file"); strings.Contains(got, "of the host") {
		t.Errorf("a link was followed to the host: %q", got)
	}
	if got := y.read(img, "root-file"); got != "inside" {
		t.Errorf("a link to /real means the context's: %q", got)
	}
}

func TestLinksOfTheImageStayInside(t *testing.T) {
	y := newYard(t)
	host := canary(t)
	y.file("a", "a")
	for name, target := range map[string]string{"out": host, "up": strings.Repeat("../", 12) + host, "file": host + "/secret"} {
		must(t, os.MkdirAll(filepath.Join(y.dir, "evil"), 0o755))
		must(t, os.Symlink(target, filepath.Join(y.dir, "evil", name)))
	}
	y.options.Names = []string{"evil"}
	y.made("FROM base\nCOPY evil /\n")
	y.options.Names = nil
	for _, text := range []string{"COPY a /out/a", "COPY a /up/", "COPY a /file", "WORKDIR /out/new", "WORKDIR /out/new\nCOPY a .", "ADD a /out/x/y/"} {
		y.made("FROM evil\n" + text + "\n")
		b, err := os.ReadFile(host + "/secret")
		require.NoError(t, err)
		if string(b) != "of the host" {
			t.Errorf("%s has changed a file of the host", text)
		}
	}
	_, err := y.build("FROM base\nCOPY --from=evil /out/secret /file /\n")
	require.ErrorContains(t, err, "file does not exist")
}

// archive is a tar of entries, packed with gzip.
func archive(t *testing.T, entries ...*tar.Header) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, h := range entries {
		text := ""
		if h.Typeflag == tar.TypeReg {
			text = "(" + h.Name + ")"
			h.Size = int64(len(text))
		}
		h.Mode = 0o644
		must(t, w.WriteHeader(h))
		_, err := w.Write([]byte(text))
		must(t, err)
	}
	must(t, w.Close())
	must(t, z.Close())
	return b.String()
}

func entry(kind byte, name, target string) *tar.Header {
	return &tar.Header{Typeflag: kind, Name: name, Linkname: target}
}

func TestAddUnpacksArchives(t *testing.T) {
	y := newYard(t)
	y.file("x.tgz", archive(t, entry(tar.TypeDir, "./", ""), entry(tar.TypeReg, "./d/a", ""), entry(tar.TypeLink, "b", "d/a")))
	y.file("plain", "text")
	img := y.made("FROM base\nADD x.tgz plain /n/\nCOPY x.tgz /copied\n")
	if y.read(img, "n/d/a") != "(./d/a)" || y.read(img, "n/b") != "(./d/a)" || y.read(img, "n/plain") != "text" {
		t.Error("ADD must unpack archives and copy everything else")
	}
	if got := y.read(img, "copied"); !strings.HasPrefix(got, "\x1f\x8b") {
		t.Errorf("COPY must not unpack: %q", got)
	}
}

func TestArchivesStayInside(t *testing.T) {
	y := newYard(t)
	host := canary(t)
	for name, c := range map[string]struct {
		entries []*tar.Header
		want    string
	}{
		"dots":     {[]*tar.Header{entry(tar.TypeReg, "../../x", "")}, "outside of it"},
		"hardlink": {[]*tar.Header{entry(tar.TypeLink, "l", "../../.."+host+"/secret")}, "outside of it"},
		"absolute": {[]*tar.Header{entry(tar.TypeLink, "l", host+"/secret")}, "no such file"},
		"whiteout": {[]*tar.Header{entry(tar.TypeReg, "etc/.wh.passwd", "")}, "begins with .wh."},
		"opaque":   {[]*tar.Header{entry(tar.TypeReg, ".wh..wh..opq", "")}, "begins with .wh."},
		"through":  {[]*tar.Header{entry(tar.TypeSymlink, "d", host), entry(tar.TypeReg, "d/x", "")}, ""},
	} {
		y.file("x.tgz", archive(t, c.entries...))
		img, err := y.build("FROM base\nADD x.tgz /\n")
		if c.want != "" {
			require.ErrorContains(t, err, c.want, name)
			continue
		}
		require.NoError(t, err, name)
		if got := y.read(img, "d/x"); got != "(d/x)" {
			t.Errorf("%s: a link of the archive means the image's own directory: %q", name, got)
		}
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "usr/lib"), 0o755))
	for name, target := range map[string]string{"lib": "usr/lib", "abs": "/usr", "usr/top": "/usr", "usr/up": "../../../..", "loop": "loop", "gone": "/not/here"} {
		must(t, os.Symlink(target, filepath.Join(dir, name)))
	}
	tr := tree{open(t, dir)}
	for name, want := range map[string]string{
		"/lib": "usr/lib", "/abs/lib/x": "usr/lib/x", "usr/top/lib": "usr/lib", "/usr/up/lib": "usr/lib", "/": "", "gone/y": "not/here/y", "../..": "", "new/a/../b": "new/b",
	} {
		got, err := tr.resolve(name)
		require.NoError(t, err, name)
		if got.name != want {
			t.Errorf("%s is %q, want %q", name, got.name, want)
		}
	}
	_, err := tr.resolve("loop/x")
	require.ErrorIs(t, err, unix.ELOOP)
	empty, err := tree{}.resolve("/a/b")
	require.NoError(t, err)
	if empty.name != "a/b" || empty.there {
		t.Errorf("nothing is in the empty tree: %+v", empty)
	}
}
