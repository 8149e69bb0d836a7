package stdio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// HeaderSize is the length of what stands before each piece of output on a
// connection without a terminal: one byte for the stream, three zeros, and
// the length of the piece, big-endian.
const HeaderSize = 8

// PutHeader writes the header of a frame of n bytes to the start of b.
func PutHeader(b []byte, s Stream, n int) {
	_ = b[HeaderSize-1]
	b[0], b[1], b[2], b[3] = byte(s), 0, 0, 0
	binary.BigEndian.PutUint32(b[4:], uint32(n))
}

// A FrameWriter puts a header before each piece that is written to it. Header
// and piece leave in one Write, from a buffer that is used again.
type FrameWriter struct {
	To     io.Writer
	Stream Stream
	buf    []byte
}

// Write sends p as one frame.
func (w *FrameWriter) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	w.buf = append(append(w.buf[:0], make([]byte, HeaderSize)...), p...)
	PutHeader(w.buf, w.Stream, len(p))
	n, err := w.To.Write(w.buf)
	return max(0, n-HeaderSize), err
}

// A FrameReader takes frames apart. Next goes to the next frame, Read reads
// from it and ends with io.EOF at its end.
type FrameReader struct {
	from io.Reader
	head [HeaderSize]byte
	left int64 // of the current frame
}

// NewFrameReader reads frames from r.
func NewFrameReader(r io.Reader) *FrameReader { return &FrameReader{from: r} }

// Next skips what is left of the current frame and reads the header of the
// next one. The error is io.EOF at the end, io.ErrUnexpectedEOF within a
// header or a frame.
func (r *FrameReader) Next() (s Stream, size int64, err error) {
	if r.left > 0 {
		if _, err := io.Copy(io.Discard, r); err != nil {
			return 0, 0, err
		}
	}
	if _, err := io.ReadFull(r.from, r.head[:]); err != nil {
		return 0, 0, err
	}
	s = Stream(r.head[0])
	if s > SystemErr || r.head[1] != 0 || r.head[2] != 0 || r.head[3] != 0 {
		return 0, 0, fmt.Errorf("read the header of a frame: % x is none", r.head)
	}
	r.left = int64(binary.BigEndian.Uint32(r.head[4:]))
	return s, r.left, nil
}

// Read reads from the current frame.
func (r *FrameReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.from.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if err == io.EOF && r.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Split copies the frames of from to the writer of their stream until the
// end. A nil writer drops its stream; a frame of SystemErr ends it all with
// the error that it carries.
func Split(stdout, stderr io.Writer, from io.Reader) error {
	frames := NewFrameReader(from)
	buf := make([]byte, 32<<10)
	for {
		s, _, err := frames.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		to := stdout
		switch s {
		case Stderr:
			to = stderr
		case SystemErr:
			return engineError(frames)
		}
		if to == nil {
			continue
		}
		// The wrapper hides ReadFrom: a fixed buffer, whatever the writer is.
		if _, err := io.CopyBuffer(struct{ io.Writer }{to}, frames, buf); err != nil {
			return err
		}
	}
}

// engineError reads what the engine says, of which a screenful is enough.
func engineError(r io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(r, 4096))
	if err != nil {
		return err
	}
	return errors.New("error from daemon in stream: " + string(text))
}
