package layer

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// A Compression is how a stream is packed.
type Compression string

// What streams begin with tells them apart; media types are often wrong, and
// Docker too believes the bytes.
const (
	Plain Compression = ""
	Gzip  Compression = "gzip"
	Zstd  Compression = "zstd"
	Bzip2 Compression = "bzip2"
	XZ    Compression = "xz"
)

var magic = []struct {
	compression Compression
	prefix      []byte
}{
	{Gzip, []byte{0x1f, 0x8b}},
	{Zstd, []byte{0x28, 0xb5, 0x2f, 0xfd}},
	{Bzip2, []byte("BZh")},
	{XZ, []byte{0xfd, '7', 'z', 'X', 'Z', 0}},
}

// Detect says how a stream that begins with head is packed.
func Detect(head []byte) Compression {
	for _, m := range magic {
		if bytes.HasPrefix(head, m.prefix) {
			return m.compression
		}
	}
	return Plain
}

// zstdWindow bounds the memory that a zstd frame may ask for. The format
// allows terabytes; 128 MiB is what its own tool takes.
const zstdWindow = 128 << 20

// Decompress unpacks r as its first bytes demand and passes everything else
// through. Closing it does not close r.
func Decompress(r io.Reader) (io.ReadCloser, Compression, error) {
	buffered := bufio.NewReaderSize(r, 128<<10)
	head, err := buffered.Peek(6)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, Plain, err
	}
	c := Detect(head)
	switch c {
	case Plain:
		return io.NopCloser(buffered), c, nil
	case Gzip:
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, c, fmt.Errorf("read gzip: %w", err)
		}
		return z, c, nil
	case Zstd:
		z, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return nil, c, fmt.Errorf("read zstd: %w", err)
		}
		return z.IOReadCloser(), c, nil
	case Bzip2:
		return io.NopCloser(bzip2.NewReader(buffered)), c, nil
	}
	return nil, c, fmt.Errorf("layers packed with %s are not supported", c)
}
