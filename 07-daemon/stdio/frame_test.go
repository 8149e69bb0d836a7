package stdio

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFramesAreDockersLayout(t *testing.T) {
	var b bytes.Buffer
	w := FrameWriter{To: &b, Stream: Stderr}
	n, err := w.Write([]byte("hello"))
	require.NoError(t, err)
	if want := "\x02\x00\x00\x00\x00\x00\x00\x05hello"; b.String() != want || n != 5 {
		t.Errorf("got %q (%d), want %q", b.String(), n, want)
	}
}

func TestSplitTellsStreamsApart(t *testing.T) {
	var b, out, errs bytes.Buffer
	for _, piece := range []struct {
		s    Stream
		text string
	}{{Stdout, "one "}, {Stderr, "two "}, {Stdout, strings.Repeat("x", 100000)}} {
		(&FrameWriter{To: &b, Stream: piece.s}).Write([]byte(piece.text))
	}
	require.NoError(t, Split(&out, &errs, &b))
	if out.Len() != 100004 || errs.String() != "two " {
		t.Errorf("got %d bytes and %q", out.Len(), errs.String())
	}
}

func TestBrokenStreamsAreErrors(t *testing.T) {
	for in, want := range map[string]error{
		"\x01\x00\x00":                          io.ErrUnexpectedEOF,
		"\x01\x00\x00\x00\x00\x00\x00\x05he":    io.ErrUnexpectedEOF,
		"HTTP/1.1 200 OK\r\n":                   nil,
		"\x03\x00\x00\x00\x00\x00\x00\x04oops":  nil,
		"\x01\x00\x00\x01\x00\x00\x00\x01x":     nil,
		"\x01\x00\x00\x00\xff\xff\xff\xffhello": io.ErrUnexpectedEOF,
	} {
		err := Split(io.Discard, io.Discard, strings.NewReader(in))
		if err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", in, err, want)
		}
	}
}

func TestErrorOfTheEngineIsTold(t *testing.T) {
	var b bytes.Buffer
	(&FrameWriter{To: &b, Stream: SystemErr}).Write([]byte("disk on fire"))
	if err := Split(io.Discard, io.Discard, &b); err == nil || !strings.Contains(err.Error(), "disk on fire") {
		t.Errorf("got %v", err)
	}
}

func TestNextSkipsWhatWasNotRead(t *testing.T) {
	var b bytes.Buffer
	(&FrameWriter{To: &b, Stream: Stdout}).Write([]byte("unread"))
	(&FrameWriter{To: &b, Stream: Stderr}).Write([]byte("x"))
	r := NewFrameReader(&b)
	_, _, err := r.Next()
	require.NoError(t, err)
	s, size, err := r.Next()
	require.NoError(t, err)
	if s != Stderr || size != 1 {
		t.Errorf("got %s, %d", s, size)
	}
}

func TestFramesCostNoAllocation(t *testing.T) {
	p := make([]byte, 1000)
	w := &FrameWriter{To: io.Discard, Stream: Stdout}
	w.Write(p)
	if n := testing.AllocsPerRun(100, func() { w.Write(p) }); n > 0 {
		t.Errorf("writing a frame costs %v allocations", n)
	}
	var stream bytes.Buffer
	for range 200 {
		(&FrameWriter{To: &stream, Stream: Stdout}).Write(p)
	}
	r := NewFrameReader(&stream)
	if n := testing.AllocsPerRun(100, func() { r.Next(); r.Read(p) }); n > 0 {
		t.Errorf("reading a frame costs %v allocations", n)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x05hello\x02\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x01\x00\x00\x00\xff\xff\xff\xffhello"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out, errs bytes.Buffer
		if Split(&out, &errs, bytes.NewReader(in)) != nil {
			return
		}
		// A stream that is accepted is made of headers and payload alone.
		if payload := out.Len() + errs.Len(); payload > len(in) {
			t.Errorf("%d bytes came out of %d", payload, len(in))
		}
	})
}
