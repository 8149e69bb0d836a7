package dockerfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// An Env knows the value of a variable, and whether it is set.
type Env func(name string) (string, bool)

// Expand replaces the variables of a word and takes its quotes away, as a
// shell would: $x ${x} ${x:-w} ${x-w} ${x:+w} ${x+w} ${x:?w} ${x?w} ${x#p}
// ${x##p} ${x%p} ${x%%p} ${x/p/w} ${x//p/w}.
func Expand(word string, env Env, escape rune) (string, error) {
	x := lexer{escape: escape, env: env}
	s, err := x.word(word)
	return s, err
}

// ExpandText replaces the variables of a text and leaves its quotes alone.
func ExpandText(text string, env Env, escape rune) (string, error) {
	x := lexer{escape: escape, env: env, noQuotes: true}
	return x.word(text)
}

// Words is Expand, and then splits at white space outside of quotes.
func Words(text string, env Env, escape rune) ([]string, error) {
	x := lexer{escape: escape, env: env}
	return x.words(text)
}

// A lexer walks over one text.
type lexer struct {
	escape rune
	env    Env
	// What stays in the result: quotes, escapes, variables that are not set.
	rawQuotes, rawEscapes, keepUnset bool
	noQuotes                         bool // a quote is a character like any other

	text []rune
}

const end = rune(-1)

func (x *lexer) peek() rune {
	if len(x.text) == 0 {
		return end
	}
	return x.text[0]
}

func (x *lexer) next() rune {
	c := x.peek()
	if c != end {
		x.text = x.text[1:]
	}
	return c
}

func (x *lexer) word(text string) (string, error) {
	b, err := x.run(text)
	return b.all.String(), err
}

func (x *lexer) words(text string) ([]string, error) {
	b, err := x.run(text)
	if err != nil {
		return nil, err
	}
	return b.split(), nil
}

func (x *lexer) run(text string) (*basket, error) {
	x.text = []rune(text)
	b := &basket{}
	if err := x.until(b, end, false); err != nil {
		return b, fmt.Errorf("failed to process %q: %w", text, err)
	}
	return b, nil
}

// A basket takes the result, as one word and as several.
type basket struct {
	all   strings.Builder
	words []string
	now   strings.Builder
}

// soft adds text whose white space separates words.
func (b *basket) soft(text string) {
	b.all.WriteString(text)
	for _, c := range text {
		if unicode.IsSpace(c) {
			b.split()
		} else {
			b.now.WriteRune(c)
		}
	}
}

// hard adds text that was quoted.
func (b *basket) hard(text string) {
	b.all.WriteString(text)
	b.now.WriteString(text)
}

// split ends the word.
func (b *basket) split() []string {
	if b.now.Len() > 0 {
		b.words = append(b.words, b.now.String())
		b.now.Reset()
	}
	return b.words
}

// until walks up to stop, or to the end when stop is that. In a pattern an
// escape that was quoted is doubled, since the pattern is read once more.
func (x *lexer) until(b *basket, stop rune, pattern bool) error {
	for {
		switch c := x.next(); {
		case c == stop:
			return nil
		case c == end:
			return fmt.Errorf("unexpected end of statement while looking for matching %c", stop)
		case c == '$':
			text, err := x.dollar()
			if err != nil {
				return err
			}
			b.soft(text)
		case !x.noQuotes && (c == '\'' || c == '"'):
			text, err := x.quoted(c, pattern)
			if err != nil {
				return err
			}
			b.hard(text)
		case c == '<' && x.peek() == '<':
			b.hard(x.arrows())
		case c == x.escape:
			x.escaped(b)
		default:
			b.soft(string(c))
		}
	}
}

// escaped takes the next character as it is.
func (x *lexer) escaped(b *basket) {
	if x.rawEscapes {
		b.hard(string(x.escape))
	}
	if c := x.next(); c != end {
		b.hard(string(c))
	}
}

// arrows reads the second "<" of a heredoc. The white space behind it does
// not separate: "<< EOF" is one word.
func (x *lexer) arrows() string {
	text := []rune{'<', x.next()}
	for strings.ContainsRune(" \t\r", x.peek()) {
		text = append(text, x.next())
	}
	return string(text)
}

// quoted reads up to the closing quote. Between single ones nothing is
// special, between double ones variables and a few escapes are.
func (x *lexer) quoted(quote rune, pattern bool) (string, error) {
	var s strings.Builder
	if x.rawQuotes {
		s.WriteRune(quote)
	}
	for {
		switch c := x.next(); {
		case c == end && quote == '\'':
			return "", errors.New("unexpected end of statement while looking for matching single-quote")
		case c == end:
			return "", errors.New("unexpected end of statement while looking for matching double-quote")
		case c == quote:
			if x.rawQuotes {
				s.WriteRune(quote)
			}
			return s.String(), nil
		case c == '$' && quote == '"':
			text, err := x.dollar()
			if err != nil {
				return "", err
			}
			s.WriteString(text)
		case c == x.escape:
			s.WriteString(x.escapedInQuotes(quote, pattern))
		default:
			s.WriteRune(c)
		}
	}
}

// escapedInQuotes decides whether an escape character means something there.
func (x *lexer) escapedInQuotes(quote rune, pattern bool) string {
	escape := string(x.escape)
	if quote == '\'' {
		if pattern {
			return escape + escape
		}
		return escape
	}
	switch c := x.peek(); {
	case c == end:
		return ""
	case c == '"' || c == '$' || c == x.escape:
		x.next()
		if x.rawEscapes {
			return escape + string(c)
		}
		return string(c)
	case x.rawEscapes && (!x.rawQuotes || pattern):
		return escape + escape
	}
	return escape
}

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
