package dockerfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// spaces separate words. A line holds no other white space of ASCII.
const spaces = "\t\v\f\r "

// instruction reads the next logical line and what follows it as heredocs.
func (l *lines) instruction() (Instruction, error) {
	line, first, err := l.logical()
	if err != nil {
		return Instruction{}, err
	}
	in, err := l.parse(line)
	if err != nil {
		return in, &Error{first, err.Error()}
	}
	in.Line = first
	if err := l.heredocs(&in); err != nil {
		return in, &Error{first, err.Error()}
	}
	in.End = l.number
	if t := in.Trigger; t != nil {
		t.Line, t.End = in.Line, in.End
	}
	return in, nil
}

// parse takes a logical line apart.
func (l *lines) parse(line string) (Instruction, error) {
	name, rest := cutWord(strings.TrimSpace(line))
	in := Instruction{Name: strings.ToUpper(name), Original: line}
	words, rest := cutFlags(rest, byte(l.escape))
	rest = strings.TrimSpace(rest)
	for _, word := range words {
		name, value, has := strings.Cut(word[2:], "=")
		if !has {
			value = "true"
		}
		in.Flags = append(in.Flags, Flag{name, value, !has})
	}
	if _, ok := rules[in.Name]; !ok {
		return in, fmt.Errorf("unknown instruction: %s%s", name, nearest(in.Name, slices.Collect(maps.Keys(rules))))
	}
	return in, l.arguments(&in, rest)
}

// arguments reads what follows name and flags, in the form of the instruction.
func (l *lines) arguments(in *Instruction, rest string) error {
	switch in.Name {
	case "ADD", "COPY", "VOLUME":
		return l.listOrWords(in, rest)
	case "RUN", "CMD", "ENTRYPOINT", "SHELL":
		return l.listOrText(in, rest)
	case "HEALTHCHECK":
		return l.kindAndCommand(in, rest)
	case "ENV", "LABEL":
		return l.pairs(in, rest)
	case "ONBUILD":
		return l.trigger(in, rest)
	case "ARG":
		in.Args = splitQuoted(rest, l.escape)
	case "FROM", "EXPOSE":
		in.Args = words(rest)
	default: // MAINTAINER, STOPSIGNAL, USER, WORKDIR: one text
		in.Args = text(rest)
	}
	return nil
}

func text(rest string) []string {
	if rest == "" {
		return nil
	}
	return []string{rest}
}

func words(rest string) (all []string) {
	for rest != "" {
		var word string
		word, rest = cutWord(rest)
		all = append(all, word)
	}
	return all
}

func (l *lines) listOrText(in *Instruction, rest string) error {
	ok, err := list(in, rest)
	if !ok && err == nil {
		in.Args = text(rest)
	}
	return err
}

func (l *lines) listOrWords(in *Instruction, rest string) error {
	ok, err := list(in, rest)
	if !ok && err == nil {
		in.Args = words(rest)
	}
	return err
}

// list reads a JSON list of strings. What begins with "[" and is no JSON is
// left to the shell: [ -f /x ] is a command, too.
func list(in *Instruction, rest string) (bool, error) {
	if !strings.HasPrefix(rest, "[") {
		return false, nil
	}
	var values []any
	if json.Unmarshal([]byte(rest), &values) != nil {
		return false, nil
	}
	for _, v := range values {
		s, ok := v.(string)
		if !ok {
			return false, errors.New("when using JSON array syntax, arrays must be comprised of strings only")
		}
		in.Args = append(in.Args, s)
	}
	in.JSON = true
	return true, nil
}

// kindAndCommand is HEALTHCHECK: NONE, or CMD and a command.
func (l *lines) kindAndCommand(in *Instruction, rest string) error {
	end := strings.IndexFunc(rest, unicode.IsSpace)
	if end < 0 {
		in.Args = text(rest)
		return nil
	}
	command := Instruction{}
	if err := l.listOrText(&command, strings.TrimLeftFunc(rest[end:], unicode.IsSpace)); err != nil {
		return err
	}
	in.Args, in.JSON = append([]string{rest[:end]}, command.Args...), command.JSON
	return nil
}

func (l *lines) trigger(in *Instruction, rest string) error {
	if rest == "" {
		return nil
	}
	t, err := l.parse(rest)
	in.Trigger, in.Args = &t, []string{rest}
	return err
}

// pairs reads "name=value name=value…", or the old "name all that follows".
func (l *lines) pairs(in *Instruction, rest string) error {
	words := splitQuoted(rest, l.escape)
	if len(words) > 0 && !strings.Contains(words[0], "=") {
		name, value := cutWord(rest)
		if len(name) == len(rest) {
			return fmt.Errorf("%s must have two arguments", in.Name)
		}
		in.Args = []string{name, value}
		return nil
	}
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			return fmt.Errorf("Syntax error - can't find = in %q. Must be of the form: name=value", word) //lint:ignore ST1005 Docker's sentence
		}
		in.Args = append(in.Args, name, value)
	}
	return nil
}

// cutWord cuts at the first white space.
func cutWord(text string) (word, rest string) {
	i := strings.IndexAny(text, spaces)
	if i < 0 {
		return text, ""
	}
	return text[:i], strings.TrimLeft(text[i:], spaces)
}

// cutFlags takes the words off that begin with "--". A bare "--" ends them.
func cutFlags(text string, escape byte) (flags []string, rest string) {
	for {
		text = strings.TrimLeftFunc(text, unicode.IsSpace)
		if !strings.HasPrefix(text, "--") {
			return flags, text
		}
		var word string
		word, text = cutFlag(text, escape)
		if word == "--" {
			return flags, text
		}
		flags = append(flags, word)
	}
}

// cutFlag reads one flag; its quotes go, since a shell never sees them.
func cutFlag(text string, escape byte) (flag, rest string) {
	var word strings.Builder
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && unicode.IsSpace(rune(c)):
			return word.String(), text[i:]
		case c == escape:
			i++
			if i < len(text) {
				word.WriteByte(text[i])
			}
		default:
			word.WriteByte(c)
		}
	}
	return word.String(), ""
}

// splitQuoted splits at white space outside of quotes. Quotes and escapes
// stay: they mean something when the word is expanded.
func splitQuoted(text string, escape rune) (words []string) {
	start, quote := -1, rune(0)
	var word strings.Builder
	for i, size := 0, 0; i < len(text); i += size {
		var c rune
		c, size = utf8.DecodeRuneInString(text[i:])
		if start < 0 && unicode.IsSpace(c) {
			continue
		}
		if start < 0 {
			start = i
		}
		switch {
		case quote == 0 && unicode.IsSpace(c):
			words = append(words, word.String())
			word.Reset()
			start = -1
			continue
		case c == escape && quote != '\'':
			if i+size == len(text) {
				continue // nothing follows that it could escape
			}
			word.WriteString(text[i : i+size])
			i += size
			_, size = utf8.DecodeRuneInString(text[i:])
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		}
		word.WriteString(text[i : i+size])
	}
	if word.Len() > 0 {
		words = append(words, word.String())
	}
	return words
}
