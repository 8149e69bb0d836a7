//go:build linux

package stdio

import (
	"bytes"
	"io"
	"os"
)

// toTail moves to the start of the last query.Tail lines, and closes the
// files that lie before it. It reads backwards, in blocks: the last lines of
// a big log cost as much as those of a small one.
func (r *Reader) toTail() error {
	want := r.query.Tail
	for i := len(r.files) - 1; i >= 0; i-- {
		at, found, err := lastLines(r.files[i], want)
		if err != nil {
			return err
		}
		if _, err := r.files[i].Seek(at, io.SeekStart); err != nil {
			return err
		}
		if want -= found; want == 0 {
			closeFiles(r.files[:i])
			r.files = r.files[i:]
			return nil
		}
	}
	return nil
}

// lastLines answers where the last n lines of f start, and how many of them
// it has. A last line without a newline is still being written: not counted,
// and given out when it is whole.
func lastLines(f *os.File, n int) (at int64, found int, err error) {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, 0, err
	}
	block := make([]byte, blockSize)
	breaks := 0 // newlines seen; the last n lines start behind number n+1
	for end > 0 {
		size := min(end, blockSize)
		if _, err := f.ReadAt(block[:size], end-size); err != nil {
			return 0, 0, err
		}
		for i := int(size); ; {
			i = bytes.LastIndexByte(block[:i], '\n')
			if i < 0 {
				break
			}
			if breaks++; breaks > n {
				return end - size + int64(i) + 1, n, nil
			}
		}
		end -= size
	}
	return 0, breaks, nil
}
