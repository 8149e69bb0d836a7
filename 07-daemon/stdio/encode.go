package stdio

import (
	"time"
	"unicode/utf8"
)

// maxLine is where Docker cuts a line: longer ones become several entries, of
// which only the last ends in a newline.
const maxLine = 16 << 10

// plain marks the bytes that stand for themselves in a JSON string. The rest
// is escaped as encoding/json does it, <, > and & included: a log may end up
// in a web page.
var plain = func() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return t
}()

const hex = "0123456789abcdef"

// AppendString appends to dst the inside of a JSON string that means s, as
// encoding/json writes it.
func AppendString(dst, s []byte) []byte {
	start := 0 // of the run that can be copied as it is
	for i := 0; i < len(s); {
		c := s[i]
		if plain[c] {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRune(s[i:])
			if !awkward(r, size) {
				i += size
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscape(dst, s[i:i+size])
		i += size
		start = i
	}
	return append(dst, s[start:]...)
}

// awkward runes need an escape: bytes that are no UTF-8, and the two line
// separators that JavaScript does not allow in a string.
func awkward(r rune, size int) bool {
	return r == utf8.RuneError && size == 1 || r == '\u2028' || r == '\u2029'
}

func appendEscape(dst, c []byte) []byte {
	switch b := c[0]; {
	case len(c) == 3:
		return append(dst, '\\', 'u', '2', '0', '2', hex[c[2]&0xF])
	case b >= utf8.RuneSelf:
		return append(dst, `\ufffd`...)
	case b == '"' || b == '\\':
		return append(dst, '\\', b)
	case b == '\n':
		return append(dst, '\\', 'n')
	case b == '\r':
		return append(dst, '\\', 'r')
	case b == '\t':
		return append(dst, '\\', 't')
	case b == '\b':
		return append(dst, '\\', 'b')
	case b == '\f':
		return append(dst, '\\', 'f')
	default:
		return append(dst, '\\', 'u', '0', '0', hex[b>>4], hex[b&0xF])
	}
}

// appendEntry appends one line of a log file. tail is everything behind the
// text; the entries of one read share it.
func appendEntry(dst, line, tail []byte) []byte {
	dst = append(dst, `{"log":"`...)
	dst = AppendString(dst, line)
	return append(dst, tail...)
}

func appendTail(dst []byte, s Stream, at time.Time) []byte {
	dst = append(dst, `","stream":"`...)
	dst = append(dst, s.String()...)
	dst = append(dst, `","time":"`...)
	dst = at.UTC().AppendFormat(dst, time.RFC3339Nano)
	return append(dst, "\"}\n"...)
}
