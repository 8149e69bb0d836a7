package dockerfile

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

// lines hands out the logical lines of a file.
type lines struct {
	rest       string // what was not read yet
	number     int    // of the last line that was read, from 1
	escape     rune
	directives map[string]string
	header     bool // directives may still come
}

func newLines(text string) *lines {
	return &lines{
		rest: strings.TrimPrefix(text, "\ufeff"), escape: '\\',
		directives: map[string]string{}, header: true,
	}
}

// next reads one physical line, its end included.
func (l *lines) next() (string, bool) {
	if l.rest == "" {
		return "", false
	}
	l.number++
	i := strings.IndexByte(l.rest, '\n') + 1
	if i == 0 {
		i = len(l.rest)
	}
	line := l.rest[:i]
	l.rest = l.rest[i:]
	return line, true
}

// logical reads until a line has its end: comments and empty lines between
// its parts are left out. first is where it begins.
func (l *lines) logical() (line string, first int, err error) {
	var text strings.Builder
	for open := false; ; {
		raw, ok := l.next()
		if !ok && !open {
			return "", 0, io.EOF
		}
		if !ok {
			return text.String(), first, nil
		}
		part := strings.TrimRight(raw, "\r\n")
		if err := l.directive(part); err != nil {
			return "", 0, &Error{l.number, err.Error()}
		}
		bare := strings.TrimLeftFunc(part, unicode.IsSpace)
		if bare == "" || bare[0] == '#' {
			continue
		}
		if !open {
			first, part = l.number, bare
		}
		part, open = l.continued(part)
		text.WriteString(part)
		if !open {
			return text.String(), first, nil
		}
	}
}

// continued takes the escape character off the end of a line that goes on in
// the next one. Two of them are one that was escaped.
func (l *lines) continued(line string) (string, bool) {
	escape := string(l.escape)
	bare := strings.TrimRight(line, " \t")
	if !strings.HasSuffix(bare, escape) || strings.HasSuffix(bare, escape+escape) {
		return line, false
	}
	return strings.TrimSuffix(bare, escape), true
}

// directive obeys "# name=value" at the very top of the file. The first line
// that is anything else ends the header.
func (l *lines) directive(line string) error {
	if !l.header {
		return nil
	}
	comment, ok := strings.CutPrefix(strings.TrimLeftFunc(line, unicode.IsSpace), "#")
	name, value, has := strings.Cut(strings.TrimSpace(comment), "=")
	name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
	if !ok || !has || value == "" || !slices.Contains([]string{"syntax", "escape", "check"}, name) {
		l.header = false
		return nil
	}
	if _, again := l.directives[name]; again {
		return fmt.Errorf("only one %s parser directive can be used", name)
	}
	l.directives[name] = value
	if name != "escape" {
		return nil
	}
	if value != "`" && value != `\` {
		return fmt.Errorf("invalid escape token '%s' does not match ` or \\", value)
	}
	l.escape = rune(value[0])
	return nil
}
