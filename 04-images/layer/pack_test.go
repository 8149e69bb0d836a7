package layer_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/04-images/layer"
)

// packed is what Pack writes, as "name=text" words.
func packed(t *testing.T, dir, name, as string) (words []string) {
	root, err := os.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	var b bytes.Buffer
	require.NoError(t, layer.Pack(&b, root, name, as))
	r := tar.NewReader(&b)
	for h, err := r.Next(); err != io.EOF; h, err = r.Next() {
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		words = append(words, h.Name+h.Linkname+string(text))
	}
	return words
}

func TestPackWritesWhatANameMeansInsideTheRoot(t *testing.T) {
	dir := t.TempDir()
	_, err := apply(t, dir, pack(t, "run/", "run/x=1", "var/", "var/run->/run", "out->../../../etc", ".wh.odd=2"), layer.Options{})
	require.NoError(t, err)
	for name, want := range map[string][]string{
		"run":         {"as/", "as/x1"},
		"/var/run/x":  {"as1"},
		"var/run":     {"as/run"}, // a link itself is not followed
		"var/../run":  {"as/", "as/x1"},
		"../../run/x": {"as1"},
		".wh.odd":     {"as2"}, // a plain name here
	} {
		if got := packed(t, dir, name, "as"); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("Pack(%q) wrote %q, want %q", name, got, want)
		}
	}
	root, err := os.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	// ../../../etc is the root's own etc, which there is not.
	require.Error(t, layer.Pack(io.Discard, root, "out/passwd", "x"))
	require.Error(t, layer.Pack(io.Discard, root, "run/x/y", "x"))
}

func TestDiffRefusesANameThatMeansDeletion(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".wh.passwd"), nil, 0o644))
	root, err := os.Open(dir)
	require.NoError(t, err)
	defer root.Close()
	_, err = layer.Diff(io.Discard, root)
	require.ErrorContains(t, err, ".wh.passwd")
}

func TestDecompressBelievesTheBytes(t *testing.T) {
	plain := pack(t, "a=text")
	var zipped, standard bytes.Buffer
	g := gzip.NewWriter(&zipped)
	_, err := g.Write(plain)
	require.NoError(t, err)
	require.NoError(t, g.Close())
	z, err := zstd.NewWriter(&standard)
	require.NoError(t, err)
	_, err = z.Write(plain)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	for want, b := range map[layer.Compression][]byte{layer.Plain: plain, layer.Gzip: zipped.Bytes(), layer.Zstd: standard.Bytes()} {
		r, got, err := layer.Decompress(bytes.NewReader(b))
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		if got != want || !bytes.Equal(text, plain) {
			t.Errorf("taken for %q, want %q, and %d bytes", got, want, len(text))
		}
		r, _, err = layer.Decompress(bytes.NewReader(b[:len(b)/2]))
		require.NoError(t, err)
		if _, err = io.ReadAll(r); err == nil && want != layer.Plain {
			t.Errorf("half of a %s stream was read without complaint", want)
		}
	}
	_, _, err = layer.Decompress(strings.NewReader("\xfd7zXZ\x00 and so on"))
	require.ErrorContains(t, err, "xz")
}

func TestAFrameMayNotAskForAllMemory(t *testing.T) {
	// A zstd frame header that declares a window of 2 GiB.
	b := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0x00, 0x00}
	r, _, err := layer.Decompress(bytes.NewReader(b))
	require.NoError(t, err)
	_, err = io.ReadAll(r)
	require.ErrorIs(t, err, zstd.ErrWindowSizeExceeded)
}

func TestImpossibleHeadersAreRefused(t *testing.T) {
	for name, h := range map[string]*tar.Header{
		"owner":  {Typeflag: tar.TypeReg, Name: "a", Uid: 1 << 32},
		"group":  {Typeflag: tar.TypeReg, Name: "a", Gid: -1},
		"type":   {Typeflag: 'Z', Name: "a"},
		"device": {Typeflag: tar.TypeChar, Name: "a"},
		"name":   {Typeflag: tar.TypeReg, Name: strings.Repeat("n", 256)},
		"path":   {Typeflag: tar.TypeReg, Name: strings.Repeat("d/", 2100) + "n"},
	} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		require.NoError(t, w.WriteHeader(h), name)
		require.NoError(t, w.Close())
		if _, err := apply(t, t.TempDir(), b.Bytes(), layer.Options{}); err == nil {
			t.Errorf("an impossible %s was accepted", name)
		}
	}
}

func TestASizeWithoutBytesIsNotWritten(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	require.NoError(t, w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "huge", Size: 1 << 60}))
	_, err := apply(t, t.TempDir(), b.Bytes(), layer.Options{})
	require.ErrorIs(t, err, layer.ErrLimit)
}

// memory is a directory that needs no disk.
func memory(t *testing.T) string {
	dir := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, ""))
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// manyFiles is a tar of n empty files in n/100 directories, made while it is
// read.
func manyFiles(n int) io.Reader {
	r, to := io.Pipe()
	go func() {
		w := tar.NewWriter(to)
		for i := range n {
			if i%100 == 0 {
				w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: fmt.Sprintf("dir%d/", i/100), Mode: 0o755})
			}
			w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("dir%d/file%d", i/100, i), Mode: 0o644})
		}
		to.CloseWithError(w.Close())
	}()
	return r
}

func TestMemoryDoesNotGrowWithTheNumberOfFiles(t *testing.T) {
	live := func(n int) uint64 {
		root, err := os.Open(memory(t))
		require.NoError(t, err)
		defer root.Close()
		var most uint64
		seen := 0
		_, err = layer.Apply(root, manyFiles(n), layer.Options{Edit: func(*tar.Header) error {
			if seen++; seen%(n/4) == 0 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
			return nil
		}})
		require.NoError(t, err)
		return most
	}
	few, many := live(1_000), live(10_000)
	if many > few+300_000 {
		t.Errorf("10,000 files need %d bytes of memory, 1,000 need %d", many, few)
	}
}

func TestTooManyGuessesMeanASecondPass(t *testing.T) {
	var words []string
	for i := range 150 { // towers of long names, which together are too much to remember
		words = append(words, fmt.Sprintf("%d/%sf=", i, strings.Repeat(strings.Repeat("x", 230)+"/", 17)))
	}
	result, err := apply(t, memory(t), pack(t, words...), layer.Options{Whiteouts: true})
	require.NoError(t, err)
	if !result.Replay {
		t.Error("all implied directories were remembered, however many there were")
	}
}
