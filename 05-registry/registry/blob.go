package registry

import (
	"context"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// stream reads one blob and is the last to believe it: io.EOF comes only when
// as many bytes as were promised have come, with the digest that was promised.
// When the connection breaks it asks for the rest with a Range and goes on;
// hash and count know nothing of that.
type stream struct {
	ctx     context.Context
	session *session
	want    v1.Descriptor

	body   io.ReadCloser // nil: no connection now
	hash   hash.Hash
	n      int64 // bytes handed on
	broken int   // connections that broke since the last byte came
	err    error // the end, once reached
}

// blob opens a blob of the repository; the first Read fetches.
func (s *session) blob(ctx context.Context, d v1.Descriptor) io.ReadCloser {
	hash, err := v1.Hasher(d.Digest.Algorithm)
	return &stream{ctx: ctx, session: s, want: d, hash: hash, err: err}
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	for s.err == nil {
		n, err := s.read(p)
		if n > 0 || len(p) == 0 {
			return n, nil
		}
		s.err = s.settle(err)
	}
	return 0, s.err
}

// read takes some bytes from the connection, made first if there is none.
func (s *stream) read(p []byte) (int, error) {
	if s.body == nil {
		if err := s.open(); err != nil {
			return 0, err
		}
	}
	n, err := s.body.Read(p)
	if n > 0 {
		s.hash.Write(p[:n])
		s.n += int64(n)
		s.broken = 0
		if s.n > s.want.Size {
			s.err = fmt.Errorf("blob %s is longer than its %d bytes: %w", s.want.Digest, s.want.Size, errContent)
			return 0, s.err
		}
	}
	return n, err
}

// settle decides what a Read that brought nothing means: nil is "try again".
func (s *stream) settle(err error) error {
	switch {
	case s.err != nil || err == nil:
		return s.err
	case s.n == s.want.Size && (err == io.EOF || passes(err)):
		return s.verdict()
	case err != io.EOF && !passes(err):
		return fmt.Errorf("fetch blob %s: %w", s.want.Digest, err)
	}
	s.hangUp()
	s.broken++
	if s.broken >= maxAttempts {
		return fmt.Errorf("fetch blob %s: broken after %d of %d bytes: %w", s.want.Digest, s.n, s.want.Size, io.ErrUnexpectedEOF)
	}
	return s.session.client.wait(s.ctx, firstPause<<(s.broken-1))
}

// verdict is io.EOF for the right digest.
func (s *stream) verdict() error {
	got := v1.Hash{Algorithm: s.want.Digest.Algorithm, Hex: hex.EncodeToString(s.hash.Sum(nil))}
	if got != s.want.Digest {
		return fmt.Errorf("blob %s turns out to be %s: %w", s.want.Digest, got, errContent)
	}
	return io.EOF
}

// open connects where the last connection ended.
func (s *stream) open() error {
	header := http.Header{}
	if s.n > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", s.n))
	}
	resp, err := s.session.send(s.ctx, "GET", s.session.path("blobs", s.want.Digest.String()), header)
	if err != nil {
		return err
	}
	if err := s.begin(resp); err != nil {
		resp.Body.Close()
		return err
	}
	s.body = resp.Body
	return nil
}

// begin checks that the response starts at the byte that comes next.
func (s *stream) begin(resp *http.Response) error {
	switch {
	case resp.StatusCode == http.StatusPartialContent && s.n > 0:
		if from := fmt.Sprintf("bytes %d-", s.n); !strings.HasPrefix(resp.Header.Get("Content-Range"), from) {
			return fmt.Errorf("asked for %s, got %q: %w", from, resp.Header.Get("Content-Range"), errContent)
		}
	case resp.StatusCode != http.StatusOK:
		return refusal(resp)
	case resp.ContentLength >= 0 && resp.ContentLength != s.want.Size:
		return fmt.Errorf("the registry offers %d bytes, the manifest says %d: %w", resp.ContentLength, s.want.Size, errContent)
	default: // a server that knows no ranges starts over; we have the start
		if _, err := io.CopyN(io.Discard, resp.Body, s.n); err != nil {
			return err
		}
	}
	return nil
}

// Close implements io.Closer.
func (s *stream) Close() error {
	s.err = fs.ErrClosed
	return s.hangUp()
}

func (s *stream) hangUp() error {
	if s.body == nil {
		return nil
	}
	err := s.body.Close()
	s.body = nil
	return err
}
