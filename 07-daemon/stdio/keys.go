package stdio

import (
	"fmt"
	"strings"
)

// DefaultKeys detach a terminal: ctrl-p, ctrl-q.
var DefaultKeys = []byte{16, 17}

// ParseKeys reads a sequence as `docker --detach-keys` takes it: characters
// and ctrl-CHARACTER, separated by commas. ctrl-@, ctrl-[, ctrl-\, ctrl-],
// ctrl-^ and ctrl-_ exist beside the letters: they are what a terminal sends
// as 0 and 27 to 31, see ascii(7).
func ParseKeys(text string) ([]byte, error) {
	var keys []byte
	for key := range strings.SplitSeq(text, ",") {
		k, ok := parseKey(key)
		if !ok {
			//lint:ignore ST1005 Docker's sentence
			return nil, fmt.Errorf("Unknown character: '%s'", key)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func parseKey(key string) (byte, bool) {
	if len(key) == 1 {
		return key[0], true
	}
	letter, ok := strings.CutPrefix(key, "ctrl-")
	if !ok || len(letter) != 1 {
		return 0, false
	}
	switch c := letter[0]; {
	case c >= 'a' && c <= 'z':
		return c - 'a' + 1, true
	case c == '@':
		return 0, true
	case c >= '[' && c <= '_':
		return c - '[' + 27, true
	}
	return 0, false
}

// A Detacher looks for the keys that detach in what is typed. A beginning of
// the sequence is held back until it is clear what it becomes.
type Detacher struct {
	Keys []byte
	held int // how many of Keys were typed last
}

// Filter appends to dst what of typed goes to the program. detached is true
// when the sequence is complete; what came behind it is nobody's.
func (d *Detacher) Filter(dst, typed []byte) (out []byte, detached bool) {
	if len(d.Keys) == 0 {
		return append(dst, typed...), false
	}
	for _, c := range typed {
		for d.held > 0 && c != d.Keys[d.held] {
			shift := d.fallback()
			dst = append(dst, d.Keys[:shift]...)
			d.held -= shift
		}
		if c != d.Keys[d.held] {
			dst = append(dst, c)
			continue
		}
		if d.held++; d.held == len(d.Keys) {
			return dst, true
		}
	}
	return dst, false
}

// fallback answers how many of the held keys are surely not the beginning of
// the sequence, given that the next one does not fit: in a,a,b the typed
// a,a,a may still go on with b.
func (d *Detacher) fallback() int {
	shift := 1
	for string(d.Keys[shift:d.held]) != string(d.Keys[:d.held-shift]) {
		shift++
	}
	return shift
}
