package dockerfile

import (
	"errors"
	"fmt"
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
