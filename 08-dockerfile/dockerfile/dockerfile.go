// Package dockerfile reads Dockerfiles: text in, stages and instructions out.
//
// A Dockerfile is read in four steps, one file each:
//
//	line.go     physical lines → logical ones: directives, comments, "\" at the end
//	parse.go    a logical line → name, flags, arguments, in the form that the
//	            instruction takes (words, one string, JSON list, pairs)
//	heredoc.go  the text that follows RUN <<EOF and COPY <<EOF
//	check.go    is it an instruction, has it the arguments and flags it needs
//
// Variables stay as they were written: what they mean depends on the
// instructions before, which is the builder's business. It calls Expand.
package dockerfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// A File is a whole Dockerfile.
type File struct {
	Syntax string        // what "# syntax=" says; it changes nothing here
	Check  string        // what "# check=" says
	Escape rune          // '\\', or '`' after "# escape=`"
	Args   []Instruction // the ARGs before the first FROM
	Stages []Stage
}

// A Stage is a FROM with all that follows it.
type Stage struct {
	From         Instruction
	Base         string // image, earlier stage or "scratch", as written
	Name         string // behind AS, in lower case; often empty
	Instructions []Instruction
}

// An Instruction is one logical line.
type Instruction struct {
	Name     string   // in capitals
	Flags    []Flag   // in front of the arguments
	Args     []string // with quotes and variables as written; ENV and LABEL: name, value, name, value…
	JSON     bool     // the arguments were written as a JSON list: the exec form
	Heredocs []Heredoc
	Trigger  *Instruction // what ONBUILD holds back
	Original string       // the logical line
	Line     int          // the first line in the file, from 1
	End      int          // the last line
}

// A Flag is "--name=value". "--name" alone is Bare and has the value "true".
type Flag struct {
	Name, Value string
	Bare        bool
}

// Flag is the value of a flag, "" if it is missing.
func (i Instruction) Flag(name string) string {
	for _, f := range i.Flags {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// An Error says what is wrong in which line. It is fs.ErrInvalid to errors.Is.
type Error struct {
	Line   int
	Reason string
}

// Error is one sentence.
func (e *Error) Error() string {
	return fmt.Sprintf("dockerfile parse error on line %d: %s", e.Line, e.Reason)
}

// Is makes an Error fs.ErrInvalid.
func (e *Error) Is(target error) bool { return target == fs.ErrInvalid }

// maxSize is far above any Dockerfile that a person has written.
const maxSize = 4 << 20

// Parse reads a Dockerfile. A mistake in it is an *Error.
func Parse(r io.Reader) (*File, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the Dockerfile: %w", err)
	}
	if len(text) > maxSize {
		return nil, &Error{1, fmt.Sprintf("the file is larger than %d bytes", maxSize)}
	}
	l := newLines(string(text))
	f := &File{}
	for {
		in, err := l.instruction()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if err := f.add(in); err != nil {
			return nil, &Error{in.Line, err.Error()}
		}
	}
	f.Escape, f.Syntax, f.Check = l.escape, l.directives["syntax"], l.directives["check"]
	if len(f.Stages) == 0 && len(f.Args) == 0 {
		return nil, &Error{max(l.number, 1), "file with no instructions"}
	}
	return f, nil
}

// ParseInstruction reads one instruction that stands alone: a trigger of an
// image, or what `docker import --change` says.
func ParseInstruction(text string) (Instruction, error) {
	l := newLines(text)
	in, err := l.instruction()
	if errors.Is(err, io.EOF) {
		return in, &Error{1, "file with no instructions"}
	}
	if err != nil {
		return in, err
	}
	if _, err := l.instruction(); !errors.Is(err, io.EOF) {
		return in, &Error{l.number, "one instruction was expected, not several"}
	}
	return in, check(in)
}

// add puts an instruction where it belongs.
func (f *File) add(in Instruction) error {
	if err := check(in); err != nil {
		return err
	}
	switch {
	case in.Name == "FROM":
		s := Stage{From: in, Base: in.Args[0]}
		if len(in.Args) == 3 {
			s.Name = strings.ToLower(in.Args[2])
		}
		f.Stages = append(f.Stages, s)
	case len(f.Stages) > 0:
		s := &f.Stages[len(f.Stages)-1]
		s.Instructions = append(s.Instructions, in)
	case in.Name == "ARG":
		f.Args = append(f.Args, in)
	default:
		return fmt.Errorf("%s stands before the first FROM: only ARG may", in.Name)
	}
	return nil
}

// Stage finds a stage by its name or number before index limit.
func (f *File) Stage(name string, limit int) (int, bool) {
	for i := limit - 1; i >= 0; i-- { // the last of several with one name
		if f.Stages[i].Name != "" && f.Stages[i].Name == strings.ToLower(name) {
			return i, true
		}
	}
	var n int
	if _, err := fmt.Sscanf(name, "%d", &n); err == nil && fmt.Sprint(n) == name && n >= 0 && n < limit {
		return n, true
	}
	return 0, false
}
