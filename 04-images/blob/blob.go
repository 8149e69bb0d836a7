// Package blob keeps bytes under the name that they themselves decide: their
// digest. The directory is the blobs/ of an OCI image layout, so what lies in
// it can be read by other tools while it is being written.
//
// A blob is visible only when it is whole, has the digest that was promised
// and is on the disk: it is written under another name, hashed on the way,
// and renamed at the end. It never changes afterwards. Which blobs are still
// wanted is not known here; package image knows.
package blob

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sys/unix"
)

// A Store is the blobs of one layout. It is safe for concurrent use, also by
// several processes.
type Store struct {
	dir  string   // the layout: blobs/ALGORITHM/HEX and tmp/
	lock *os.File // tmp/, held shared as long as we may write there
}

// Open reads the blobs of the layout in dir, or makes an empty store. What
// a crash left half-written is removed, unless another process has the store
// open and may still be writing it.
func Open(dir string) (*Store, error) {
	tmp := filepath.Join(dir, "tmp")
	for _, d := range []string{filepath.Join(dir, "blobs", "sha256"), tmp} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	lock, err := os.Open(tmp)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: dir, lock: lock}
	if err := s.sweep(); err != nil {
		lock.Close()
		return nil, err
	}
	return s, nil
}

// sweep empties tmp/ if nobody else is there. The kernel drops the lock of a
// process that dies, so no lock is ever stale. See flock(2).
func (s *Store) sweep() error {
	fd := int(s.lock.Fd())
	err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		names, err := s.lock.Readdirnames(-1)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := os.Remove(filepath.Join(s.dir, "tmp", name)); err != nil {
				return err
			}
		}
	} else if !errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("lock %s: %w", s.lock.Name(), err)
	}
	if err := unix.Flock(fd, unix.LOCK_SH); err != nil {
		return fmt.Errorf("lock %s: %w", s.lock.Name(), err)
	}
	return nil
}

// Close gives the store up; blobs that are open stay readable.
func (s *Store) Close() error { return s.lock.Close() }

// path is where h lies. A digest becomes a path here and nowhere else, and
// only after it was checked, so "../" never gets this far.
func (s *Store) path(h v1.Hash) (string, error) {
	if _, err := v1.NewHash(h.String()); err != nil {
		return "", fmt.Errorf("invalid digest %q", h)
	}
	return filepath.Join(s.dir, "blobs", h.Algorithm, h.Hex), nil
}

// Stat answers the size of a blob, or an error that is fs.ErrNotExist.
func (s *Store) Stat(h v1.Hash) (int64, error) {
	path, err := s.path(h)
	if err != nil {
		return 0, err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("blob %s is not a file", h)
	}
	return info.Size(), nil
}

// Has says whether the blob is here.
func (s *Store) Has(h v1.Hash) bool {
	_, err := s.Stat(h)
	return err == nil
}

// Open opens a blob for reading as it is on disk. The file can be sought and
// sent with sendfile; use Verified where the disk is not trusted.
func (s *Store) Open(h v1.Hash) (*os.File, error) {
	path, err := s.path(h)
	if err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
}

// Read returns a small blob, verified. One above limit is refused: a manifest
// is read into memory whole, and strangers decide how long it is.
func (s *Store) Read(h v1.Hash, limit int64) ([]byte, error) {
	size, err := s.Stat(h)
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, fmt.Errorf("blob %s has %d bytes, more than %d", h, size, limit)
	}
	r, err := s.Verified(h)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// Remove deletes a blob; a missing one is fine.
func (s *Store) Remove(h v1.Hash) error {
	path, err := s.path(h)
	if err != nil {
		return err
	}
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// All yields the digest of every blob.
func (s *Store) All() iter.Seq2[v1.Hash, error] {
	return func(yield func(v1.Hash, error) bool) {
		algorithms, err := os.ReadDir(filepath.Join(s.dir, "blobs"))
		if err != nil {
			yield(v1.Hash{}, err)
			return
		}
		for _, a := range algorithms {
			if !s.each(a.Name(), yield) {
				return
			}
		}
	}
}

// each yields the blobs of one algorithm and passes over foreign files.
func (s *Store) each(algorithm string, yield func(v1.Hash, error) bool) bool {
	entries, err := os.ReadDir(filepath.Join(s.dir, "blobs", algorithm))
	if err != nil {
		return yield(v1.Hash{}, err)
	}
	for _, e := range entries {
		h, err := v1.NewHash(algorithm + ":" + e.Name())
		if err == nil && !yield(h, nil) {
			return false
		}
	}
	return true
}
