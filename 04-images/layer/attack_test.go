package layer_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/04-images/layer"
)

// field changes bytes of the first header of a tar and mends its checksum.
func field(b []byte, at int, text []byte) []byte {
	b = bytes.Clone(b)
	copy(b[at:], text)
	copy(b[148:156], "        ")
	sum := 0
	for _, c := range b[:512] {
		sum += int(c)
	}
	copy(b[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

func TestSizesThatCannotBe(t *testing.T) {
	b := pack(t, "a=text")
	require.Equal(t, b, field(b, 0, nil), "the checksum is the one of archive/tar")
	for name, size := range map[string][]byte{
		"negative":                    append([]byte{0xff}, bytes.Repeat([]byte{0xff}, 11)...),
		"the smallest of all numbers": append([]byte{0xff, 0xff, 0xff, 0xff, 0x80}, make([]byte, 7)...),
		"more than 63 bits":           append([]byte{0x80}, bytes.Repeat([]byte{0xff}, 11)...),
		"2^62":                        {0x80, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0},
		"no number":                   []byte("abcdefghijk\x00"),
	} {
		dir := t.TempDir()
		if _, err := apply(t, dir, field(b, 124, size), layer.Options{}); err == nil {
			t.Errorf("a size that is %s was accepted", name)
		}
		for _, line := range tree(t, dir) {
			if !strings.HasPrefix(line, "a ") {
				t.Errorf("size %s made %s", name, line)
			}
		}
	}
}

func TestASparseBombIsBoundedByTheLimit(t *testing.T) {
	for _, name := range []string{"sparse.tar", "sparse-pax.tar"} { // 10 KiB that claim to be 64 MiB
		b, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(t, err)
		dir := t.TempDir()
		if _, err = apply(t, dir, b, layer.Options{Limit: 1 << 20}); !errors.Is(err, layer.ErrLimit) {
			t.Errorf("%s: %v, want %v", name, err, layer.ErrLimit)
		}
		for _, claim := range []string{"-7108864", "00000001", "67108863", "nonsense"} {
			lie := bytes.ReplaceAll(b, []byte("67108864"), []byte(claim)) // realsize and map of the PAX form
			if bytes.Equal(lie, b) {
				continue
			}
			if _, err := apply(t, t.TempDir(), lie, layer.Options{}); err == nil {
				t.Errorf("%s with a size of %s was accepted", name, claim)
			}
		}
	}
	gnu, err := os.ReadFile("testdata/sparse.tar")
	require.NoError(t, err)
	for _, real := range [][]byte{{0x80, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, bytes.Repeat([]byte{0xff}, 12)} {
		if _, err := apply(t, t.TempDir(), field(gnu, 483, real), layer.Options{}); err == nil {
			t.Errorf("a real size of % x was accepted", real)
		}
	}
}

func TestAFileMayEndInAHole(t *testing.T) {
	tool, err := exec.LookPath("tar")
	if err != nil {
		t.Skip("tar is not installed")
	}
	from, to := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(from, "f"), bytes.Repeat([]byte("x"), 8192), 0o644))
	require.NoError(t, os.Truncate(filepath.Join(from, "f"), 5_000_001))
	b, err := exec.Command(tool, "--sparse", "-C", from, "-c", "f").Output()
	require.NoError(t, err)
	_, err = apply(t, to, b, layer.Options{})
	require.NoError(t, err)
	info, err := os.Stat(filepath.Join(to, "f"))
	require.NoError(t, err)
	require.EqualValues(t, 5_000_001, info.Size(), "the hole at its end belongs to the file")
}

func TestAGzipBombInManyMembersStopsAtTheLimit(t *testing.T) {
	var zipped bytes.Buffer
	plain := pack(t, "a="+strings.Repeat("\x00", 4<<20))
	for part := range bytes.SplitSeq(plain, bytes.Repeat([]byte{0}, 1<<20)) { // gzip streams may follow each other
		g := gzip.NewWriter(&zipped)
		_, err := g.Write(append(part, make([]byte, 1<<20)...))
		require.NoError(t, err)
		require.NoError(t, g.Close())
	}
	r, _, err := layer.Decompress(&zipped)
	require.NoError(t, err)
	defer r.Close()
	root, err := os.Open(t.TempDir())
	require.NoError(t, err)
	defer root.Close()
	_, err = layer.Apply(root, r, layer.Options{Limit: 2 << 20})
	require.ErrorIs(t, err, layer.ErrLimit)
}

func TestOneNameTenThousandTimes(t *testing.T) {
	r, to := io.Pipe()
	go func() {
		w := tar.NewWriter(to)
		for i := range 10_000 {
			h, text := header([]string{"a/", "a=text", "a->b", "a|", "a/b/c="}[i%5])
			w.WriteHeader(h)
			io.WriteString(w, text)
		}
		h, text := header("a=last")
		w.WriteHeader(h)
		io.WriteString(w, text)
		to.CloseWithError(w.Close())
	}()
	dir := memory(t)
	root, err := os.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	_, err = layer.Apply(root, r, layer.Options{Below: &layer.Below{}})
	io.Copy(io.Discard, r) // should it have been refused
	if err != nil {
		return // a name below a fifo is no directory
	}
	b, err := os.ReadFile(filepath.Join(dir, "a"))
	require.NoError(t, err)
	require.Equal(t, "last", string(b))
}

// A container of `docker cp` may change its tree while we write into it.
func TestADirectoryThatIsSwappedForALink(t *testing.T) { // CVE-2018-15664
	top := t.TempDir()
	root, canary := filepath.Join(top, "root"), filepath.Join(top, "canary")
	for _, dir := range []string{root, canary, filepath.Join(root, "d")} {
		require.NoError(t, os.Mkdir(dir, 0o755))
	}
	require.NoError(t, os.WriteFile(filepath.Join(canary, "secret"), []byte("only the host knows"), 0o644))
	require.NoError(t, os.Symlink(canary, filepath.Join(root, "link")))
	before := tree(t, canary)
	stop := make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				unix.Renameat2(unix.AT_FDCWD, filepath.Join(root, "d"), unix.AT_FDCWD, filepath.Join(root, "link"), unix.RENAME_EXCHANGE)
			}
		}
	})
	evil := pack(t, "d/evil=evil", "d/secret=evil", "d/sub/x=evil", "d/.wh.secret=", "h=>d/secret")
	at, err := os.Open(root)
	require.NoError(t, err)
	defer at.Close()
	for range 300 { // each way either works inside or is refused
		layer.Apply(at, bytes.NewReader(evil), layer.Options{Whiteouts: true, Below: &layer.Below{}})
		var out bytes.Buffer
		layer.Pack(&out, at, "d", "d")
		if bytes.Contains(out.Bytes(), []byte("only the host knows")) {
			t.Error("what lies outside was packed")
		}
	}
	close(stop)
	swapper.Wait()
	require.Equal(t, before, tree(t, canary), "something outside of the root has changed")
}

func TestAFileTakesItsPowersOnlyFromItsLastEntry(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	caps := string([]byte{1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "su", Mode: 0o6755, Size: 1,
		PAXRecords: map[string]string{"SCHILY.xattr.security.capability": caps}}))
	_, err := w.Write([]byte("1"))
	require.NoError(t, err)
	require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "su", Mode: 0o644, Uid: 1000, Size: 1}))
	_, err = w.Write([]byte("2"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	dir := t.TempDir()
	_, err = apply(t, dir, b.Bytes(), layer.Options{})
	require.NoError(t, err)
	info, err := os.Stat(filepath.Join(dir, "su"))
	require.NoError(t, err)
	if info.Mode() != 0o644 {
		t.Errorf("the second entry has mode 644, the file has %v", info.Mode())
	}
	if _, err := unix.Lgetxattr(filepath.Join(dir, "su"), "security.capability", make([]byte, 100)); !errors.Is(err, unix.ENODATA) {
		t.Errorf("the capabilities of the first entry are still there: %v", err)
	}
}

func TestWhiteoutsReachNoOtherLayer(t *testing.T) {
	lower, upper := t.TempDir(), t.TempDir()
	_, err := apply(t, lower, pack(t, "etc/", "etc/passwd=root", "d->/etc"), layer.Options{})
	require.NoError(t, err)
	before := tree(t, lower)
	stand(t, upper, pack(t, "etc/.wh.passwd=", "d/.wh.passwd=", ".wh.d=", "etc/.wh..wh..opq=", "d/.wh..wh..opq="), lower)
	require.Equal(t, before, tree(t, lower), "a layer that other images share has changed")
}
