package blob

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"
)

// ErrDigest is the cause when bytes are not what their digest or their size
// promised.
var ErrDigest = errors.New("content does not match what was promised")

// A Writer takes the bytes of one blob. It is not safe for concurrent use.
type Writer struct {
	store  *Store
	file   *os.File
	sum    hash.Hash
	want   v1.Hash // zero: whatever it turns out to be
	size   int64   // as declared, -1 unknown
	n      int64
	synced int64
	named  bool
}

// Create begins a blob of the declared digest and size. A zero digest means
// that the content decides, a negative size that it is not known.
func (s *Store) Create(want v1.Hash, size int64) (*Writer, error) {
	algorithm := "sha256"
	if want != (v1.Hash{}) {
		if _, err := s.path(want); err != nil {
			return nil, err
		}
		algorithm = want.Algorithm
	}
	sum, err := v1.Hasher(algorithm)
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp(filepath.Join(s.dir, "tmp"), "blob-*")
	if err != nil {
		return nil, err
	}
	return &Writer{store: s, file: file, sum: sum, want: want, size: size}, nil
}

// flushEvery is how much may wait in memory for the disk. Without early
// write-back the fsync at the end would wait for the whole layer at once.
const flushEvery = 8 << 20

// Write takes the next bytes. More than were declared are refused at once,
// not after the disk is full. See sync_file_range(2).
func (w *Writer) Write(p []byte) (int, error) {
	if w.size >= 0 && w.n+int64(len(p)) > w.size {
		return 0, fmt.Errorf("%s is longer than its declared %d bytes: %w", w.name(), w.size, ErrDigest)
	}
	n, err := w.file.Write(p)
	w.sum.Write(p[:n])
	w.n += int64(n)
	if w.n-w.synced >= flushEvery {
		unix.SyncFileRange(int(w.file.Fd()), w.synced, w.n-w.synced, unix.SYNC_FILE_RANGE_WRITE)
		w.synced = w.n
	}
	return n, err
}

// name is what errors call the blob.
func (w *Writer) name() string {
	if w.want == (v1.Hash{}) {
		return "blob"
	}
	return w.want.String()
}

// Size is the number of bytes so far.
func (w *Writer) Size() int64 { return w.n }

// Digest is the digest of the bytes so far.
func (w *Writer) Digest() v1.Hash {
	algorithm := w.want.Algorithm
	if algorithm == "" {
		algorithm = "sha256"
	}
	return v1.Hash{Algorithm: algorithm, Hex: hex.EncodeToString(w.sum.Sum(nil))}
}

// Verify says whether what was written is what was declared.
func (w *Writer) Verify() error {
	if w.size >= 0 && w.n != w.size {
		return fmt.Errorf("%s has %d bytes instead of its declared %d: %w", w.name(), w.n, w.size, ErrDigest)
	}
	if got := w.Digest(); w.want != (v1.Hash{}) && got != w.want {
		return fmt.Errorf("%s turns out to be %s: %w", w.want, got, ErrDigest)
	}
	return nil
}

// Commit verifies the blob, brings it to the disk and gives it its name. A
// blob of that name that is already here is the same bytes, so a second
// writer simply replaces it.
func (w *Writer) Commit() (v1.Hash, error) {
	defer w.Close()
	if err := w.Verify(); err != nil {
		return v1.Hash{}, err
	}
	digest := w.Digest()
	path, err := w.store.path(digest)
	if err != nil {
		return v1.Hash{}, err
	}
	if err := w.file.Chmod(0o644); err != nil {
		return v1.Hash{}, err
	}
	if err := w.file.Sync(); err != nil {
		return v1.Hash{}, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return v1.Hash{}, err
	}
	if err := os.Rename(w.file.Name(), path); err != nil {
		return v1.Hash{}, err
	}
	w.named = true
	return digest, syncDir(filepath.Dir(path))
}

// syncDir brings a rename to the disk: the name belongs to the directory,
// and fsync of the file alone does not keep it. See fsync(2).
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Close gives the blob up, unless it was committed. It may be called twice.
func (w *Writer) Close() error {
	if w.file == nil {
		return nil
	}
	if !w.named {
		os.Remove(w.file.Name())
	}
	err := w.file.Close()
	w.file = nil
	return err
}

// Put stores a few bytes and answers their digest.
func (s *Store) Put(b []byte) (v1.Hash, error) {
	digest, _, err := v1.SHA256(bytes.NewReader(b))
	if err != nil {
		return v1.Hash{}, err
	}
	if s.Has(digest) {
		return digest, nil
	}
	return s.Copy(bytes.NewReader(b), digest, int64(len(b)))
}

// Copy stores what r holds; digest and size are as in Create.
func (s *Store) Copy(r io.Reader, want v1.Hash, size int64) (v1.Hash, error) {
	w, err := s.Create(want, size)
	if err != nil {
		return v1.Hash{}, err
	}
	defer w.Close()
	if _, err := io.CopyBuffer(w, r, make([]byte, 256<<10)); err != nil {
		return v1.Hash{}, err
	}
	return w.Commit()
}
