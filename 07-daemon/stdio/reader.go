//go:build linux

package stdio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// A Query says which entries of a log are wanted.
type Query struct {
	Tail         int       // the last so many; negative is all
	Since, Until time.Time // zero is no bound
	Follow       bool      // wait for what comes
	// Ended is closed when nobody writes any more: Follow then reads what is
	// there and comes to an end. nil never is.
	Ended <-chan struct{}
}

const (
	blockSize  = 64 << 10
	maxForeign = 1 << 20 // longer lines of other writers are skipped
)

// A Reader reads a log, rotated files included, oldest entry first. It is not
// safe for concurrent use.
type Reader struct {
	path  string
	query Query
	files []*os.File // oldest first; the first is read
	bell  *bell      // nil unless following

	buf   []byte // read, from start on not yet given out
	start int
	skip  bool // the line at start is too long
	text  []byte
	entry Entry
}

// ReadLog opens the log at path. One that does not exist is empty: the
// container never ran, or its output is not kept.
func ReadLog(path string, q Query) (*Reader, error) {
	r := &Reader{path: path, query: q}
	if err := r.open(); err != nil {
		r.Close()
		return nil, fmt.Errorf("read the log: %w", err)
	}
	return r, nil
}

func (r *Reader) open() (err error) {
	if r.query.Follow {
		// The bell comes first: what is written from now on rings it.
		if r.bell, err = newBell(r.path, r.query.Ended); err != nil {
			return err
		}
	}
	if r.files, err = openAll(r.path); err != nil {
		return err
	}
	if r.query.Tail >= 0 {
		if err := r.toTail(); err != nil {
			return err
		}
	}
	return r.listen()
}

// openAll opens path, path.1, path.2, … and returns them oldest first. The
// newest is opened first: if the log is rotated meanwhile, a file shows up
// twice, and none is missed.
func openAll(path string) ([]*os.File, error) {
	var newest []*os.File
	for n := 0; ; n++ {
		f, err := os.Open(rotated(path, n))
		if errors.Is(err, fs.ErrNotExist) {
			if n == 0 { // perhaps between two steps of a rotation
				continue
			}
			break
		}
		if err != nil {
			closeFiles(newest)
			return nil, err
		}
		if len(newest) > 0 && same(f, newest[len(newest)-1]) {
			f.Close()
			continue
		}
		newest = append(newest, f)
	}
	for i, j := 0, len(newest)-1; i < j; i, j = i+1, j-1 {
		newest[i], newest[j] = newest[j], newest[i]
	}
	return newest, nil
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

func same(a, b *os.File) bool {
	x, err := a.Stat()
	if err != nil {
		return false
	}
	y, err := b.Stat()
	return err == nil && os.SameFile(x, y)
}

// Next returns the next entry, valid until the next call; io.EOF at the end,
// the error of ctx when that ends first.
func (r *Reader) Next(ctx context.Context) (*Entry, error) {
	for {
		line, err := r.line(ctx)
		if err != nil {
			return nil, err
		}
		var ok bool
		if r.text, ok = r.entry.decode(line, r.text); !ok || r.entry.Time.Before(r.query.Since) {
			continue
		}
		if !r.query.Until.IsZero() && r.entry.Time.After(r.query.Until) {
			return nil, io.EOF
		}
		return &r.entry, nil
	}
}

// line returns the next whole line, without its newline.
func (r *Reader) line(ctx context.Context) ([]byte, error) {
	for {
		if i := bytes.IndexByte(r.buf[r.start:], '\n'); i >= 0 {
			line := r.buf[r.start : r.start+i]
			r.start += i + 1
			if !r.skip {
				return line, nil
			}
			r.skip = false
			continue
		}
		if len(r.buf)-r.start > maxForeign {
			r.skip, r.start = true, len(r.buf)
		}
		if err := r.fill(ctx); err != nil {
			return nil, err
		}
	}
}

// fill reads on, behind what is pending. The pending line is dropped when its
// file ends for good: nobody will complete it.
func (r *Reader) fill(ctx context.Context) error {
	r.buf = r.buf[:copy(r.buf, r.buf[r.start:])]
	r.start = 0
	if cap(r.buf)-len(r.buf) < blockSize/2 {
		r.buf = append(make([]byte, 0, 2*cap(r.buf)+blockSize), r.buf...)
	}
	final := false // nothing is written to this file any more
	for {
		n, err := r.read()
		if n > 0 || err != nil {
			return err
		}
		if !final {
			if final, err = r.pause(ctx); err != nil {
				return err
			}
			continue
		}
		if !r.advance() {
			return io.EOF
		}
		r.buf, r.skip, final = r.buf[:0], false, false
	}
}

// read reads what the current file has; 0 at its end.
func (r *Reader) read() (int, error) {
	if len(r.files) == 0 {
		return 0, nil
	}
	n, err := r.files[0].Read(r.buf[len(r.buf):cap(r.buf)])
	r.buf = r.buf[:len(r.buf)+n]
	if err != nil && err != io.EOF {
		return n, fmt.Errorf("read the log: %w", err)
	}
	return n, nil
}

// pause is for the end of a file. It answers true when the file is complete;
// whoever hears that reads once more, as something may have been written
// between the last read and the moment when that became clear.
func (r *Reader) pause(ctx context.Context) (final bool, err error) {
	if len(r.files) > 1 || r.bell == nil {
		return true, nil
	}
	ended := r.bell.silent()
	if r.emptied() {
		return false, nil
	}
	if ended || r.replaced() {
		return true, nil
	}
	return false, r.bell.wait(ctx)
}

// emptied notices a log of one file that was rotated: it begins anew.
func (r *Reader) emptied() bool {
	if len(r.files) == 0 {
		return false
	}
	f := r.files[0]
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Size() >= at {
		return false
	}
	f.Seek(0, io.SeekStart)
	r.buf = r.buf[:0]
	return true
}

// replaced tells whether a newer file took the name of the current one.
func (r *Reader) replaced() bool {
	now, err := os.Stat(r.path)
	if err != nil { // between two steps of a rotation; the next one rings
		return false
	}
	if len(r.files) == 0 {
		return true
	}
	info, err := r.files[0].Stat()
	return err == nil && !os.SameFile(now, info)
}

// advance goes to the next file: one that is open already, or one that came
// since. false: there is none.
func (r *Reader) advance() bool {
	if len(r.files) > 1 {
		r.files[0].Close()
		r.files = r.files[1:]
		return r.listen() == nil
	}
	if r.bell == nil || !r.replaced() {
		return false
	}
	newer, err := openAll(r.path)
	if err != nil || len(newer) == 0 {
		return false
	}
	for i, f := range newer {
		if len(r.files) > 0 && same(f, r.files[0]) {
			closeFiles(newer[:i+1])
			newer = newer[i+1:]
			break
		}
	}
	closeFiles(r.files)
	r.files = newer
	return len(newer) > 0 && r.listen() == nil
}

// listen rings the bell for the current file.
func (r *Reader) listen() error {
	if r.bell == nil || len(r.files) == 0 {
		return nil
	}
	return r.bell.on(r.files[0])
}

// Close closes all files.
func (r *Reader) Close() error {
	closeFiles(r.files)
	if r.bell != nil {
		return r.bell.close()
	}
	return nil
}
