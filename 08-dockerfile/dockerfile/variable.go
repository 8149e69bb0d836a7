package dockerfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// dollar reads what follows a "$".
func (x *lexer) dollar() (string, error) {
	if x.peek() != '{' {
		name := x.name()
		value, set := x.get(name)
		if name == "" || !set && x.keepUnset {
			return "$" + name, nil
		}
		return value, nil
	}
	x.next()
	switch x.peek() {
	case end:
		return "", errors.New("syntax error: missing '}'")
	case '{', '}', ':':
		return "", errors.New("syntax error: bad substitution")
	}
	name := x.name()
	operator := x.next()
	switch operator {
	case '}':
		value, set := x.get(name)
		if !set && x.keepUnset {
			return "${" + name + "}", nil
		}
		return value, nil
	case '/':
		return x.replace(name)
	case ':', '+', '-', '?', '#', '%':
		return x.modify(name, operator)
	case end:
		return "", errors.New("syntax error: missing '}'")
	}
	return "", fmt.Errorf("unsupported modifier (%c) in substitution", operator)
}

// name reads a variable's name: letters, digits, "_"; a number; or one of the
// shell's own, which are never set here.
func (x *lexer) name() string {
	is := func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) || c == '_' }
	switch c := x.peek(); {
	case unicode.IsDigit(c):
		is = unicode.IsDigit
	case strings.ContainsRune("@*#?-$!", c):
		return string(x.next())
	}
	n := slices.IndexFunc(x.text, func(c rune) bool { return !is(c) })
	if n < 0 {
		n = len(x.text)
	}
	name := string(x.text[:n])
	x.text = x.text[n:]
	return name
}

func (x *lexer) get(name string) (string, bool) {
	if x.env == nil || name == "" {
		return "", false
	}
	return x.env(name)
}

// part reads an operand up to stop.
func (x *lexer) part(stop rune, raw, pattern bool) (string, error) {
	before := x.rawEscapes
	x.rawEscapes = raw
	defer func() { x.rawEscapes = before }()
	var b basket
	if err := x.until(&b, stop, pattern); err != nil {
		if x.peek() == end {
			err = fmt.Errorf("syntax error: missing '%c'", stop)
		}
		return "", err
	}
	return b.all.String(), nil
}

// modify is ${name:-word} and its relatives.
func (x *lexer) modify(name string, operator rune) (string, error) {
	sign, emptyIsUnset := string(operator), operator == ':'
	if emptyIsUnset {
		operator = x.next()
		sign += string(operator)
	}
	cuts := operator == '#' || operator == '%'
	if !strings.ContainsRune("+-?#%", operator) || cuts && emptyIsUnset {
		return "", fmt.Errorf("unsupported modifier (%s) in substitution", sign)
	}
	word, err := x.part('}', cuts, cuts)
	if err != nil {
		return "", err
	}
	value, set := x.get(name)
	if x.keepUnset && !set {
		return "${" + name + sign + word + "}", nil
	}
	if cuts {
		return trim(value, word, operator)
	}
	there := set && !(emptyIsUnset && value == "")
	switch {
	case operator == '+' && there, operator == '-' && !there:
		return word, nil
	case operator == '+':
		return "", nil
	case operator == '?' && !there:
		return "", absent(name, word, set)
	}
	return value, nil
}

func absent(name, word string, set bool) error {
	switch {
	case word != "":
		return fmt.Errorf("%s: %s", name, word)
	case set:
		return fmt.Errorf("%s: is not allowed to be empty", name)
	}
	return fmt.Errorf("%s: is not allowed to be unset", name)
}

// replace is ${name/pattern/word}, and with one more slash for all of them.
func (x *lexer) replace(name string) (string, error) {
	all := x.peek() == '/'
	if all {
		x.next()
	}
	pattern, err := x.part('/', true, true)
	if err != nil {
		return "", err
	}
	word, err := x.part('}', true, false)
	if err != nil {
		return "", err
	}
	value, set := x.get(name)
	if x.keepUnset && !set {
		return "${" + name + "/" + pattern + "/" + word + "}", nil
	}
	expression, err := compile(pattern, true)
	if err != nil {
		return "", err
	}
	if all {
		return expression.ReplaceAllString(value, word), nil
	}
	if at := expression.FindStringIndex(value); at != nil {
		return value[:at[0]] + word + value[at[1]:], nil
	}
	return value, nil
}
