// Package ignore reads .dockerignore: which files of a context the builder
// does not see. Patterns and their order mean what they mean to Docker, since
// the same package of moby's decides.
package ignore

import (
	"fmt"
	"io"
	"io/fs"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// A List is the patterns of one file. The zero value excludes nothing.
type List struct {
	matcher *patternmatcher.PatternMatcher
}

// invalid reads as a sentence and is fs.ErrInvalid to errors.Is.
type invalid string

func (e invalid) Error() string        { return string(e) }
func (e invalid) Is(target error) bool { return target == fs.ErrInvalid }

// Parse reads patterns, one a line.
func Parse(r io.Reader) (List, error) {
	patterns, err := ignorefile.ReadAll(r)
	if err != nil {
		return List{}, fmt.Errorf("read .dockerignore: %w", err)
	}
	m, err := patternmatcher.New(patterns)
	if err != nil {
		return List{}, invalid(fmt.Sprintf("a pattern in .dockerignore is malformed: %v", err))
	}
	return List{m}, nil
}

// Excludes says whether the builder must not see the file name, which is
// relative to the context ("a/b").
func (l List) Excludes(name string) (bool, error) {
	if l.matcher == nil || name == "" || name == "." {
		return false, nil
	}
	hit, err := l.matcher.MatchesOrParentMatches(name)
	if err != nil {
		return false, invalid(fmt.Sprintf("a pattern in .dockerignore is malformed: %v", err))
	}
	return hit, nil
}

// Prunes says whether nothing below the excluded directory can come back, so
// that it need not be looked into: no pattern begins with "!".
func (l List) Prunes() bool { return l.matcher != nil && !l.matcher.Exclusions() }
