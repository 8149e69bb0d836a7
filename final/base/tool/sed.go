package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// A script is a list of sed commands.
type script []command

// A command is one step of sed: [ADDRESS]s/a/b/[gp], [ADDRESS]d, [ADDRESS]p.
type command struct {
	line    int            // only this line, 0 for any
	last    bool           // only the last line
	match   *regexp.Regexp // only lines that match
	verb    byte
	find    *regexp.Regexp
	replace string
	global  bool
	print   bool
}

func sed(c *call) error {
	if err := c.options("nEri", "e"); err != nil {
		return err
	}
	text, given := c.set['e']
	if !given {
		if err := c.want(1, "[-nEi] SCRIPT [FILE…]"); err != nil {
			return err
		}
		text, c.args = c.args[0], c.args[1:]
	}
	steps, err := parseScript(text, c.has('E') || c.has('r'))
	if err != nil {
		return err
	}
	if !c.has('i') {
		return c.inputs(func(_ string, r io.Reader) error { return c.edit(steps, r, c.out) })
	}
	return c.each(func(name string) error { return c.editFile(steps, name) })
}

// editFile replaces a file by its edited text.
func (c *call) editFile(steps script, name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := c.edit(steps, strings.NewReader(string(text)), &b); err != nil {
		return err
	}
	return os.WriteFile(name, []byte(b.String()), 0o666)
}

// edit runs the script over every line.
func (c *call) edit(steps script, r io.Reader, w io.Writer) error {
	var all []string
	if err := eachLine(r, func(line string) error { all = append(all, line); return nil }); err != nil {
		return err
	}
	for i, line := range all {
		keep := true
		for _, s := range steps {
			if !s.applies(i+1, i == len(all)-1, line) {
				continue
			}
			shown := false
			line, keep, shown = s.do(line)
			if shown {
				fmt.Fprintln(w, line)
			}
			if !keep {
				break
			}
		}
		if keep && !c.has('n') {
			fmt.Fprintln(w, line)
		}
	}
	return nil
}

// applies tells whether the address of a command covers a line.
func (s command) applies(number int, last bool, line string) bool {
	switch {
	case s.line > 0:
		return number == s.line
	case s.last:
		return last
	case s.match != nil:
		return s.match.MatchString(line)
	}
	return true
}

// do performs a command on a line: what it becomes, whether it stays, and
// whether it is printed now.
func (s command) do(line string) (text string, keep, shown bool) {
	if s.verb == 'd' {
		return line, false, false
	}
	if s.verb == 'p' {
		return line, true, true
	}
	at := s.find.FindAllStringSubmatchIndex(line, -1)
	if len(at) == 0 {
		return line, true, false
	}
	if !s.global {
		at = at[:1]
	}
	var b []byte
	end := 0
	for _, m := range at {
		b = append(b, line[end:m[0]]...)
		b = s.find.ExpandString(b, s.replace, line, m)
		end = m[1]
	}
	return string(append(b, line[end:]...)), true, s.print
}

// parseScript reads sed's commands, which newlines and semicolons part.
func parseScript(text string, extended bool) (script, error) {
	var all script
	for text = strings.TrimLeft(text, " ;\n\t"); text != ""; text = strings.TrimLeft(text, " ;\n\t") {
		var s command
		rest, err := s.address(text, extended)
		if err != nil {
			return nil, err
		}
		if rest == "" {
			return nil, fmt.Errorf("a command is missing after the address in %q", text)
		}
		s.verb = rest[0]
		switch s.verb {
		case 'd', 'p':
			text = rest[1:]
		case 's':
			if text, err = s.substitution(rest, extended); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("unknown command %q; this sed knows s, d and p", string(s.verb))
		}
		all = append(all, s)
	}
	return all, nil
}

// address reads a line number, $ or /pattern/ and returns what follows it.
func (s *command) address(text string, extended bool) (string, error) {
	switch {
	case text[0] == '$':
		s.last = true
		return text[1:], nil
	case text[0] == '/':
		parts, rest, err := delimited(text, 1)
		if err != nil {
			return "", err
		}
		s.match, err = pattern(parts[0], extended)
		return rest, err
	}
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	if digits > 0 {
		s.line, _ = strconv.Atoi(text[:digits])
	}
	return text[digits:], nil
}

// substitution reads s/find/replace/flags and returns what follows it.
func (s *command) substitution(text string, extended bool) (string, error) {
	parts, rest, err := delimited(text[1:], 2)
	if err != nil {
		return "", err
	}
	find := parts[0]
	if !extended {
		find = basic(find)
	}
	for ; rest != "" && strings.IndexByte("gpiI", rest[0]) >= 0; rest = rest[1:] {
		switch rest[0] {
		case 'g':
			s.global = true
		case 'p':
			s.print = true
		default:
			find = "(?i)" + find
		}
	}
	s.replace = template(parts[1])
	s.find, err = pattern(find, true)
	return rest, err
}

// delimited cuts n parts that end in the same character as they begin with,
// whatever that is; a backslash takes its meaning away.
func delimited(text string, n int) (parts []string, rest string, err error) {
	if text == "" {
		return nil, "", fmt.Errorf("a delimiter is missing")
	}
	mark := text[0]
	var part strings.Builder
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			if text[i] != mark {
				part.WriteByte('\\')
			}
			part.WriteByte(text[i])
		case text[i] == mark:
			parts = append(parts, part.String())
			part.Reset()
			if len(parts) == n {
				return parts, text[i+1:], nil
			}
		default:
			part.WriteByte(text[i])
		}
	}
	return nil, "", fmt.Errorf("%q ends before its closing %q", text, string(mark))
}

// template turns sed's replacement (&, \1) into that of package regexp.
func template(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			switch {
			case text[i] >= '0' && text[i] <= '9':
				fmt.Fprintf(&b, "${%c}", text[i])
			case text[i] == 'n':
				b.WriteByte('\n')
			default:
				b.WriteByte(text[i])
			}
		case text[i] == '&':
			b.WriteString("${0}")
		case text[i] == '$':
			b.WriteString("$$")
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String()
}
