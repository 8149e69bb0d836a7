package dockerfile

import (
	"errors"
	"fmt"
	"strings"
)

// A Heredoc is text that follows an instruction, up to a line that is Name.
type Heredoc struct {
	Name    string
	FD      uint // the descriptor in front of "<<", 0 if there is none
	Expand  bool // variables in it mean something: Name was not quoted
	Chomp   bool // "<<-": tabs at the beginning of its lines are not meant
	Content string
}

// Text is the content as it is meant.
func (h Heredoc) Text() string {
	if !h.Chomp {
		return h.Content
	}
	var text strings.Builder
	for line := range strings.Lines(h.Content) {
		text.WriteString(strings.TrimLeft(line, "\t"))
	}
	return text.String()
}

// heredocs reads the heredocs that in announces, in their order.
func (l *lines) heredocs(in *Instruction) error {
	target := in
	if in.Trigger != nil {
		target = in.Trigger
	}
	takes := target.Name == "RUN" || target.Name == "COPY" || target.Name == "ADD"
	if !takes || target.JSON || !strings.Contains(in.Original, "<<") {
		return nil
	}
	x := lexer{escape: '\\', rawQuotes: true, rawEscapes: true, keepUnset: true}
	words, _ := x.words(in.Original) // what is no list of words is the shell's business
	for _, word := range words {
		h, ok, err := announced(word)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if h.Content, err = l.body(h); err != nil {
			return err
		}
		target.Heredocs = append(target.Heredocs, h)
	}
	if target != in {
		in.Heredocs = target.Heredocs
	}
	return nil
}

// body reads up to the line that ends h.
func (l *lines) body(h Heredoc) (string, error) {
	var text strings.Builder
	for {
		line, ok := l.next()
		if !ok {
			return "", fmt.Errorf("unterminated heredoc %s", h.Name)
		}
		end := strings.TrimRight(line, "\r\n")
		if h.Chomp {
			end = strings.TrimLeft(end, "\t")
		}
		if end == h.Name {
			return text.String(), nil
		}
		text.WriteString(line)
	}
}

// IsHeredoc says whether a word announces a heredoc.
func IsHeredoc(word string) bool {
	_, ok, err := announced(word)
	return ok && err == nil
}

// announced reads "3<<-EOF".
func announced(word string) (h Heredoc, ok bool, err error) {
	digits, rest, found := strings.Cut(word, "<<")
	if !found || strings.Trim(digits, "0123456789") != "" {
		return h, false, nil
	}
	fmt.Sscan(digits, &h.FD)
	rest, h.Chomp = strings.CutPrefix(rest, "-")
	rest = strings.TrimLeft(rest, spaces+"\n")
	if rest == "" || strings.Contains(rest, "<") {
		return h, false, nil
	}
	plain := lexer{escape: '\\', keepUnset: true}
	names, err := plain.words(rest)
	if err != nil {
		return h, false, err
	}
	if len(names) != 1 {
		return h, false, nil
	}
	raw := lexer{escape: '\\', keepUnset: true, rawQuotes: true}
	quoted, err := raw.words(rest)
	if err != nil {
		return h, false, err
	}
	if len(quoted) != 1 {
		return h, false, errors.New("a heredoc needs one word as its name")
	}
	h.Name, h.Expand = names[0], quotes(names[0]) == quotes(quoted[0])
	return h, true, nil
}

func quotes(s string) int { return strings.Count(s, `"`) + strings.Count(s, `'`) }
