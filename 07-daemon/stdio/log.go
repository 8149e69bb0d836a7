package stdio

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// writeSize is how much is encoded before it is written. A read of 64 KiB
// with lines of ordinary length stays below it: one write a read.
const writeSize = 128 << 10

// A Log writes the log file of one container. It is safe for concurrent use:
// both streams of a container write to it.
type Log struct {
	path     string
	maxSize  int64 // 0: never rotated
	maxFiles int   // at least 1

	mu   sync.Mutex // guards what is below
	file *os.File
	size int64  // of file
	buf  []byte // encoded, not yet written
	tail []byte // end of the entries of one Append
}

// OpenLog opens the log at path, to go on at its end. A file that reached
// maxSize becomes path.1, path.1 becomes path.2, and so on; maxFiles in all.
func OpenLog(path string, maxSize int64, maxFiles int) (*Log, error) {
	l := &Log{path: path, maxSize: maxSize, maxFiles: max(1, maxFiles)}
	if err := l.open(); err != nil {
		return nil, err
	}
	if err := l.mend(); err != nil {
		l.file.Close()
		return nil, err
	}
	return l, nil
}

func (l *Log) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o640)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	l.file, l.size = f, 0
	return nil
}

// mend ends a last line that a power cut left half: what follows is whole
// again, and a reader drops the half.
func (l *Log) mend() error {
	info, err := l.file.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	l.size = info.Size()
	var last [1]byte
	if _, err := l.file.ReadAt(last[:], l.size-1); err != nil {
		return fmt.Errorf("read the end of the log: %w", err)
	}
	if last[0] == '\n' {
		return nil
	}
	l.buf = append(l.buf, '\n')
	return l.flush()
}

// Append logs the lines of p, which came out of s at that time, and answers
// how much of p it took: an incomplete last line stays with the caller, who
// puts it before what comes next. When there is no next, Finish takes it.
//
// Output that cannot be written (a full disk) is lost, and the next one is
// tried again: a container must not stop because its log does.
func (l *Log) Append(s Stream, p []byte, at time.Time) (taken int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = appendTail(l.tail[:0], s, at)
	for {
		n := lineEnd(p[taken:])
		if n == 0 {
			return taken, errors.Join(err, l.flush())
		}
		err = errors.Join(err, l.add(p[taken:taken+n]))
		taken += n
	}
}

// Finish logs the end of a stream: a last line without a newline.
func (l *Log) Finish(s Stream, rest []byte, at time.Time) error {
	if len(rest) == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = appendTail(l.tail[:0], s, at)
	return errors.Join(l.add(rest), l.flush())
}

// lineEnd answers how many bytes of p make one entry; 0 if it takes more to
// tell. A line is not cut within a character, or both halves were broken.
func lineEnd(p []byte) int {
	if i := bytes.IndexByte(p[:min(len(p), maxLine)], '\n'); i >= 0 {
		return i + 1
	}
	if len(p) < maxLine {
		return 0
	}
	return cut(p)
}

// cut moves the end of a piece before a character that it would split.
func cut(p []byte) int {
	for n := 1; n < utf8.UTFMax; n++ {
		if !utf8.RuneStart(p[maxLine-n]) {
			continue
		}
		if !utf8.FullRune(p[maxLine-n : maxLine]) {
			return maxLine - n
		}
		break
	}
	return maxLine
}

// add encodes one entry; it rotates first, as Docker does, when the file is
// full, so that no entry is torn between two files.
func (l *Log) add(line []byte) error {
	var err error
	if l.maxSize > 0 && l.size+int64(len(l.buf)) >= l.maxSize {
		err = errors.Join(l.flush(), l.rotate())
	}
	l.buf = appendEntry(l.buf, line, l.tail)
	if len(l.buf) >= writeSize {
		err = errors.Join(err, l.flush())
	}
	return err
}

// flush writes what is encoded. After half a write (a full disk) the file is
// cut back to its last whole line.
func (l *Log) flush() error {
	if len(l.buf) == 0 {
		return nil
	}
	_, err := l.file.Write(l.buf)
	if err != nil {
		err = errors.Join(fmt.Errorf("write the log: %w", err), l.file.Truncate(l.size))
	} else {
		l.size += int64(len(l.buf))
	}
	l.buf = l.buf[:0]
	return err
}

// rotate makes room: the oldest file goes, the others move up by one, and a
// new one begins. Should a step fail, the log goes on in the file it has.
func (l *Log) rotate() error {
	if l.maxFiles == 1 {
		if err := l.file.Truncate(0); err != nil {
			return fmt.Errorf("empty the log: %w", err)
		}
		l.size = 0
		return nil
	}
	for i := l.maxFiles - 1; i > 0; i-- {
		err := os.Rename(rotated(l.path, i-1), rotated(l.path, i))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("rotate the log: %w", err)
		}
	}
	old := l.file
	if err := l.open(); err != nil {
		return err
	}
	return old.Close()
}

// rotated is the name of the file that was rotated n times.
func rotated(path string, n int) string {
	if n == 0 {
		return path
	}
	return path + "." + strconv.Itoa(n)
}

// Close closes the file.
func (l *Log) Close() error { return l.file.Close() }
