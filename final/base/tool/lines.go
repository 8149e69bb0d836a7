package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func sortLines(c *call) error {
	if err := c.options("nru", "k"); err != nil {
		return err
	}
	key := 0
	if c.has('k') {
		n, err := strconv.Atoi(strings.TrimRight(c.set['k'], "nr"))
		if err != nil || n < 1 {
			return fmt.Errorf("not a field: %q", c.set['k'])
		}
		key = n
	}
	var all []string
	if err := c.lines(func(line string) error { all = append(all, line); return nil }); err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b string) int {
		order := c.compare(field(a, key), field(b, key))
		if c.has('r') {
			return -order
		}
		return order
	})
	if c.has('u') {
		all = slices.Compact(all)
	}
	for _, line := range all {
		fmt.Fprintln(c.out, line)
	}
	return nil
}

// field returns the n-th word of a line, or the whole line for 0.
func field(line string, n int) string {
	if n == 0 {
		return line
	}
	if words := strings.Fields(line); n <= len(words) {
		return words[n-1]
	}
	return ""
}

// compare orders two keys, as numbers with -n.
func (c *call) compare(a, b string) int {
	if !c.has('n') {
		return strings.Compare(a, b)
	}
	x, y := leadingNumber(a), leadingNumber(b)
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return strings.Compare(a, b)
}

// leadingNumber reads the number that a text begins with, 0 if it has none.
func leadingNumber(text string) float64 {
	text = strings.TrimSpace(text)
	end := strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune("-.0123456789", r) })
	if end >= 0 {
		text = text[:end]
	}
	n, _ := strconv.ParseFloat(text, 64)
	return n
}

func uniq(c *call) error {
	if err := c.options("cdu", ""); err != nil {
		return err
	}
	last, times := "", 0
	flush := func() {
		switch {
		case times == 0, c.has('d') && times == 1, c.has('u') && times > 1:
		case c.has('c'):
			fmt.Fprintf(c.out, "%7d %s\n", times, last)
		default:
			fmt.Fprintln(c.out, last)
		}
	}
	err := c.lines(func(line string) error {
		if times > 0 && line == last {
			times++
			return nil
		}
		flush()
		last, times = line, 1
		return nil
	})
	flush()
	return err
}

// A span is a range of fields or characters, counted from 1.
type span struct{ from, to int }

// spans reads a list such as 1,3-5,7-.
func spans(list string) ([]span, error) {
	var all []span
	for part := range strings.SplitSeq(list, ",") {
		from, to, dash := strings.Cut(part, "-")
		s := span{1, 1 << 30}
		var err error
		if from != "" {
			if s.from, err = strconv.Atoi(from); err != nil {
				return nil, fmt.Errorf("not a list of fields: %q", list)
			}
		}
		if !dash {
			s.to = s.from
		} else if to != "" {
			if s.to, err = strconv.Atoi(to); err != nil {
				return nil, fmt.Errorf("not a list of fields: %q", list)
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// pick keeps the parts that lie in one of the spans, in their own order.
func pick(parts []string, in []span) []string {
	var kept []string
	for i, part := range parts {
		if slices.ContainsFunc(in, func(s span) bool { return i+1 >= s.from && i+1 <= s.to }) {
			kept = append(kept, part)
		}
	}
	return kept
}

func cut(c *call) error {
	if err := c.options("s", "dfcb"); err != nil {
		return err
	}
	list, between := c.set['f'], "\t"
	if c.has('d') {
		between = c.set['d']
	}
	if c.has('c') || c.has('b') {
		list, between = c.set['c']+c.set['b'], ""
	}
	in, err := spans(list)
	if err != nil {
		return err
	}
	return c.lines(func(line string) error {
		switch {
		case between == "" || strings.Contains(line, between):
			fmt.Fprintln(c.out, strings.Join(pick(strings.Split(line, between), in), between))
		case !c.has('s'):
			fmt.Fprintln(c.out, line)
		}
		return nil
	})
}

func tr(c *call) error {
	if err := c.options("dsc", ""); err != nil {
		return err
	}
	if err := c.want(1, "[-ds] SET1 [SET2]"); err != nil {
		return err
	}
	from, to := set(c.args[0]), []rune(nil)
	if len(c.args) > 1 {
		to = set(c.args[1])
	}
	text, err := io.ReadAll(c.in)
	if err != nil {
		return err
	}
	last := rune(-1)
	for _, r := range string(text) {
		i := slices.Index(from, r)
		if i >= 0 != c.has('c') {
			if c.has('d') {
				continue
			}
			if len(to) > 0 {
				r = to[min(max(i, 0), len(to)-1)]
			}
			if c.has('s') && r == last {
				continue
			}
		}
		last = r
		c.out.WriteRune(r)
	}
	return nil
}

// set spells a set of tr out: ranges, escapes and the usual classes.
func set(text string) []rune {
	for _, class := range [][2]string{
		{"[:lower:]", "a-z"}, {"[:upper:]", "A-Z"}, {"[:digit:]", "0-9"}, {"[:alpha:]", "A-Za-z"},
		{"[:alnum:]", "0-9A-Za-z"}, {"[:space:]", " \t\n\r\v\f"}, {`\n`, "\n"}, {`\t`, "\t"}, {`\\`, `\`},
	} {
		text = strings.ReplaceAll(text, class[0], class[1])
	}
	var all []rune
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		if i+2 < len(runes) && runes[i+1] == '-' && runes[i] <= runes[i+2] {
			for r := runes[i]; r <= runes[i+2]; r++ {
				all = append(all, r)
			}
			i += 2
			continue
		}
		all = append(all, runes[i])
	}
	return all
}

// pattern compiles an expression as grep and sed write it: in a basic one
// the characters +?|(){} are plain and get their meaning from a backslash.
func pattern(text string, extended bool) (*regexp.Regexp, error) {
	if !extended {
		text = basic(text)
	}
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("bad pattern %q", text)
	}
	return re, nil
}

// basic swaps the meaning of the characters that POSIX swaps.
func basic(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		special := func(c byte) bool { return strings.IndexByte("+?|(){}", c) >= 0 }
		switch {
		case text[i] == '\\' && i+1 < len(text):
			i++
			if !special(text[i]) {
				b.WriteByte('\\')
			}
		case special(text[i]):
			b.WriteByte('\\')
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
