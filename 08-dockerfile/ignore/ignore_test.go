package ignore

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExcludes(t *testing.T) {
	l, err := Parse(strings.NewReader("# comment\n*.log\n/abs\n**/deep\n\n!keep.log\ndir\n!dir/back\na?c\n./dot/\n"))
	require.NoError(t, err)
	for name, want := range map[string]bool{
		"x.log": true, "keep.log": false, "sub/x.log": false, "abs": true, "sub/abs": false, "a/b/deep": true, "deep": true,
		"dir": true, "dir/x": true, "dir/back": false, "abc": true, "abbc": false, "dot/x": true, "other": false, "": false, ".": false,
	} {
		got, err := l.Excludes(name)
		require.NoError(t, err)
		if got != want {
			t.Errorf("%q is excluded: %v, want %v", name, got, want)
		}
	}
}

func TestPrunes(t *testing.T) {
	for text, want := range map[string]bool{"a\n": true, "a\n!a/b\n": false} {
		l, err := Parse(strings.NewReader(text))
		require.NoError(t, err)
		if l.Prunes() != want {
			t.Errorf("%q: what is below an excluded directory can come back: %v", text, !l.Prunes())
		}
	}
	if out, err := (List{}).Excludes("x"); out || err != nil || (List{}).Prunes() {
		t.Error("the zero value excludes nothing")
	}
}

func TestMalformed(t *testing.T) {
	_, err := Parse(strings.NewReader("[a-\n"))
	if !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("a pattern that is none: %v", err)
	}
}
