package blob_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"

	"drydock/04-images/blob"
)

func open(t *testing.T) (*blob.Store, string) {
	dir := t.TempDir()
	s, err := blob.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s, dir
}

func digest(text string) v1.Hash {
	h, _, _ := v1.SHA256(strings.NewReader(text))
	return h
}

// files are all regular files below dir.
func files(t *testing.T, dir string) (all []string) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			all = append(all, path[len(dir)+1:])
		}
		return err
	})
	require.NoError(t, err)
	return all
}

func TestABlobLiesUnderItsDigest(t *testing.T) {
	s, dir := open(t)
	h, err := s.Copy(strings.NewReader("hello"), digest("hello"), 5)
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "blobs/sha256", digest("hello").Hex))
	require.NoError(t, err)
	if string(text) != "hello" || h != digest("hello") {
		t.Errorf("blob %s holds %q", h, text)
	}
	size, err := s.Stat(h)
	require.NoError(t, err)
	if size != 5 {
		t.Errorf("Stat says %d bytes, want 5", size)
	}
	require.NoError(t, s.Remove(h))
	require.NoError(t, s.Remove(h), "removing a missing blob")
	if s.Has(h) {
		t.Error("the blob is still there after Remove")
	}
}

func TestOnlyWhatWasPromisedIsStored(t *testing.T) {
	s, dir := open(t)
	for name, c := range map[string]struct {
		want v1.Hash
		size int64
	}{
		"another digest": {digest("other"), 5},
		"shorter":        {digest("hello"), 6},
		"longer":         {digest("hello"), 4},
	} {
		if _, err := s.Copy(strings.NewReader("hello"), c.want, c.size); !errors.Is(err, blob.ErrDigest) {
			t.Errorf("%s: %v, want %v", name, err, blob.ErrDigest)
		}
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("refused bytes were left behind: %q", left)
	}
}

func TestBytesBeyondTheDeclaredSizeAreNeverWritten(t *testing.T) {
	s, _ := open(t)
	w, err := s.Create(digest("x"), 10)
	require.NoError(t, err)
	defer w.Close()
	n, err := w.Write(make([]byte, 11))
	if n != 0 || !errors.Is(err, blob.ErrDigest) {
		t.Errorf("Write took %d bytes and said %v: a stranger could fill the disk before the digest is compared", n, err)
	}
}

func TestADigestIsNoPath(t *testing.T) {
	s, dir := open(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("x"), 0o600))
	for _, h := range []v1.Hash{
		{Algorithm: "sha256", Hex: "../../secret"},
		{Algorithm: "..", Hex: "secret"},
		{Algorithm: "sha256", Hex: strings.Repeat("A", 64)},
		{Algorithm: "sha256/../sha256", Hex: strings.Repeat("a", 64)},
		{},
	} {
		if _, err := s.Open(h); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open(%v) looked at the disk: %v", h, err)
		}
		if err := s.Remove(h); err == nil {
			t.Errorf("Remove(%v) was accepted", h)
		}
	}
	require.FileExists(t, filepath.Join(dir, "secret"))
}

func TestADamagedDiskIsNoticed(t *testing.T) {
	s, dir := open(t)
	h, err := s.Put([]byte("hello"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "blobs/sha256", h.Hex), []byte("hellO"), 0o644))
	r, err := s.Verified(h)
	require.NoError(t, err)
	defer r.Close()
	if _, err := io.ReadAll(r); !errors.Is(err, blob.ErrDigest) {
		t.Errorf("the changed blob was read without complaint: %v", err)
	}
}

func TestReadRefusesWhatIsTooLong(t *testing.T) {
	s, _ := open(t)
	h, err := s.Put([]byte("hello"))
	require.NoError(t, err)
	_, err = s.Read(h, 4)
	require.ErrorContains(t, err, "more than 4")
	b, err := s.Read(h, 5)
	require.NoError(t, err)
	require.Equal(t, "hello", string(b))
}

func TestWhatACrashLeftIsSwept(t *testing.T) {
	s, dir := open(t)
	w, err := s.Create(v1.Hash{}, -1)
	require.NoError(t, err)
	_, err = w.Write([]byte("half"))
	require.NoError(t, err)
	second, err := blob.Open(dir)
	require.NoError(t, err)
	if len(files(t, dir)) != 1 {
		t.Fatal("a second store took away what the first is still writing")
	}
	require.NoError(t, second.Close())
	require.NoError(t, s.Close()) // as the kernel does for a process that dies
	third, err := blob.Open(dir)
	require.NoError(t, err)
	defer third.Close()
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestAllFindsEveryAlgorithm(t *testing.T) {
	s, dir := open(t)
	long := v1.Hash{Algorithm: "sha512", Hex: "9b71d224bd62f3785d96d46ad3ea3d73319bfbc2890caadae2dff72519673ca72323c3d99ba5c11d7c7acc6e14b8c5da0c4663475c2e5c3adef46f73bcdec043"}
	_, err := s.Copy(strings.NewReader("hello"), long, 5)
	require.NoError(t, err)
	short, err := s.Put([]byte("hello"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "blobs/sha256/README"), nil, 0o644))
	found := map[v1.Hash]bool{}
	for h, err := range s.All() {
		require.NoError(t, err)
		found[h] = true
	}
	require.Equal(t, map[v1.Hash]bool{long: true, short: true}, found)
}
