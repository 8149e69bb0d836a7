package blob

import (
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Verified opens a blob and hashes what is read. The last Read returns an
// error instead of io.EOF when the disk no longer holds what was stored.
func (s *Store) Verified(h v1.Hash) (io.ReadCloser, error) {
	sum, err := v1.Hasher(h.Algorithm)
	if err != nil {
		return nil, fmt.Errorf("invalid digest %q", h)
	}
	f, err := s.Open(h)
	if err != nil {
		return nil, err
	}
	return &verifier{ReadCloser: f, sum: sum, want: h}, nil
}

type verifier struct {
	io.ReadCloser
	sum  hash.Hash
	want v1.Hash
}

// Read implements io.Reader.
func (v *verifier) Read(p []byte) (int, error) {
	n, err := v.ReadCloser.Read(p)
	v.sum.Write(p[:n])
	if err == io.EOF {
		if got := hex.EncodeToString(v.sum.Sum(nil)); got != v.want.Hex {
			return n, fmt.Errorf("blob %s is damaged, it hashes to %s: %w", v.want, got, ErrDigest)
		}
	}
	return n, err
}
