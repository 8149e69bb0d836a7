package dockerfile

import (
	"fmt"
	"regexp"
	"strings"
)

// compile turns a pattern of the shell, "*" and "?", into an expression.
func compile(pattern string, greedy bool) (*regexp.Regexp, error) {
	star := ".*?"
	if greedy {
		star = ".*"
	}
	var s strings.Builder
	text := []rune(pattern)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '*':
			s.WriteString(star)
		case '?':
			s.WriteByte('.')
		case '\\':
			if i++; i == len(text) || !strings.ContainsRune(`*?\}/`, text[i]) {
				return nil, fmt.Errorf("invalid pattern (%s) in substitution: only * ? \\ } and / can be escaped", pattern)
			}
			s.WriteString(regexp.QuoteMeta(string(text[i])))
		default:
			s.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	expression, err := regexp.Compile(s.String())
	if err != nil {
		return nil, fmt.Errorf("invalid pattern (%s) in substitution: %w", pattern, err)
	}
	return expression, nil
}

// trim takes a prefix ('#') or suffix ('%') that matches off value: the
// shortest, or with the sign doubled the longest.
func trim(value, pattern string, sign rune) (string, error) {
	pattern, longest := strings.CutPrefix(pattern, string(sign))
	expression, err := compile(pattern, longest)
	if err != nil {
		return "", err
	}
	whole, err := regexp.Compile("^(?:" + expression.String() + ")$")
	if err != nil {
		return "", fmt.Errorf("invalid pattern (%s) in substitution: %w", pattern, err)
	}
	var cuts []int // where a suffix begins or a prefix ends
	for i := range value {
		cuts = append(cuts, i)
	}
	cuts = append(cuts, len(value))
	backwards := longest == (sign == '#')
	for n := range cuts {
		at := cuts[n]
		if backwards {
			at = cuts[len(cuts)-1-n]
		}
		if sign == '#' && whole.MatchString(value[:at]) {
			return value[at:], nil
		}
		if sign == '%' && whole.MatchString(value[at:]) {
			return value[:at], nil
		}
	}
	return value, nil
}
