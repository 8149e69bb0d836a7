package dockerfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func parse(t *testing.T, text string) *File {
	t.Helper()
	f, err := Parse(strings.NewReader(text))
	require.NoError(t, err)
	return f
}

func TestStages(t *testing.T) {
	f := parse(t, "# syntax=docker/dockerfile:1\nARG V=1\nFROM a:$V AS One\nRUN x\n\nFROM one\nCOPY --from=0 --chown=a:b s d\nCMD [\"a\", \"b\"]\n")
	if f.Syntax != "docker/dockerfile:1" || len(f.Args) != 1 || len(f.Stages) != 2 {
		t.Fatalf("syntax %q, %d arguments, %d stages", f.Syntax, len(f.Args), len(f.Stages))
	}
	one, two := f.Stages[0], f.Stages[1]
	if one.Name != "one" || one.Base != "a:$V" || one.From.Line != 3 || len(one.Instructions) != 1 {
		t.Errorf("the first stage is %+v", one)
	}
	c := two.Instructions[0]
	if c.Name != "COPY" || c.Line != 7 || c.Flag("from") != "0" || c.Flag("chown") != "a:b" || c.Flag("chmod") != "" || len(c.Args) != 2 {
		t.Errorf("COPY is %+v", c)
	}
	if cmd := two.Instructions[1]; !cmd.JSON || cmd.Args[1] != "b" {
		t.Errorf("CMD is %+v", cmd)
	}
	flags := parse(t, "FROM a\nCOPY --chown=a\\ b --chmod=\"1 2\" -- --s d\n").Stages[0].Instructions[0]
	if flags.Flag("chown") != "a b" || flags.Flag("chmod") != "1 2" || flags.Args[0] != "--s" {
		t.Errorf("quotes, escapes and -- in flags: %+v", flags)
	}
	for name, want := range map[string]int{"one": 0, "ONE": 0, "0": 0} {
		if i, ok := f.Stage(name, 1); !ok || i != want {
			t.Errorf("stage %q is %d, %v", name, i, ok)
		}
	}
	for _, name := range []string{"1", "two", "", "-1", "00", "0x"} {
		if i, ok := f.Stage(name, 1); ok {
			t.Errorf("stage %q is %d, and must not be found", name, i)
		}
	}
}

func TestLines(t *testing.T) {
	for _, c := range []struct {
		text, original string
		line, end      int
	}{
		{"RUN a", "RUN a", 1, 1},
		{"\n# c\n  RUN a\n", "RUN a", 3, 3},
		{"RUN a \\\n# c\n\n  b\n", "RUN a   b", 1, 4},
		{"RUN a \\  \n b \\\n", "RUN a  b ", 1, 2},
		{"RUN a\\\\\n", "RUN a\\\\", 1, 1},
		{"# escape=`\nRUN a`\n b\\\n", "RUN a b\\", 2, 3},
		{"RUN <<A <<B\n1\nA\n2\nB\n", "RUN <<A <<B", 1, 5},
		{"RUN a\r\n", "RUN a", 1, 1},
	} {
		in, err := newLines(c.text).instruction()
		require.NoError(t, err, c.text)
		if in.Original != c.original || in.Line != c.line || in.End != c.end {
			t.Errorf("%q: lines %d–%d, %q", c.text, in.Line, in.End, in.Original)
		}
	}
}

func TestHeredocs(t *testing.T) {
	f := parse(t, "FROM a\nRUN <<-EOF 3<<'X Y' cat\n\tone\n\tEOF\n$two\nX Y\n")
	h := f.Stages[0].Instructions[0].Heredocs
	if len(h) != 2 || h[0].Text() != "one\n" || h[0].Content != "\tone\n" || !h[0].Expand || h[1].FD != 3 || h[1].Expand || h[1].Text() != "$two\n" {
		t.Errorf("the heredocs are %+v", h)
	}
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"RNU x":                        "dockerfile parse error on line 2: unknown instruction: RNU (did you mean RUN?)",
		"FORM x":                       "unknown instruction: FORM (did you mean FROM?)",
		"entrypont x":                  "unknown instruction: entrypont (did you mean ENTRYPOINT?)",
		"Q x":                          "unknown instruction: Q",
		"SOMETHINGELSE x":              "unknown instruction: SOMETHINGELSE",
		"COPY --form=x a b":            "unknown flag: --form (did you mean from?)",
		"COPY --from=x --from=y a b":   "duplicate flag specified: --from",
		"COPY --from a b":              "missing a value on flag: --from",
		"COPY --link=1 a b":            "expecting boolean value for flag --link",
		"COPY a":                       "COPY requires at least two arguments, but only 1 was provided",
		"ENV a":                        "ENV must have two arguments",
		"ENV a=b c":                    `can't find = in "c"`,
		"ENV =b":                       "ENV names can not be blank",
		"LABEL":                        "LABEL requires at least one argument",
		"WORKDIR":                      "WORKDIR requires exactly one argument",
		"FROM a b":                     "FROM requires either one or three arguments",
		"FROM a is b":                  "FROM requires either one or three arguments",
		"FROM a as 1":                  "invalid name for build stage",
		"CMD [1]":                      "arrays must be comprised of strings only",
		"SHELL sh":                     "SHELL requires the arguments to be in JSON form",
		"ONBUILD FROM x":               "FROM isn't allowed as an ONBUILD trigger",
		"ONBUILD ONBUILD RUN x":        "isn't allowed",
		"HEALTHCHECK CMD":              "missing command after HEALTHCHECK CMD",
		"HEALTHCHECK --retries=x CMD":  "missing command",
		"HEALTHCHECK --retries=x NONE": "--retries must be a number",
		"HEALTHCHECK --timeout=1 NONE": "--timeout must be a duration",
		"HEALTHCHECK CNM x":            `unknown type "CNM" of HEALTHCHECK`,
		"VOLUME [\"\"]":                "VOLUME specified can not be an empty string",
		"RUN <<EOF\nx":                 "unterminated heredoc EOF",
		"COPY a <<EOF\nEOF":            "COPY cannot accept a heredoc as a destination",
	} {
		_, err := Parse(strings.NewReader("FROM a\n" + text + "\n"))
		require.ErrorContains(t, err, want, text)
		var mistake *Error
		if !errors.As(err, &mistake) || mistake.Line != 2 || !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("%q: %v must be an *Error of line 2, and fs.ErrInvalid", text, err)
		}
	}
	for text, want := range map[string]string{
		"":                         "no instructions",
		"RUN x":                    "before the first FROM",
		"# escape=x\nFROM a":       "invalid escape token 'x'",
		"# check=a\n# check=b\n":   "only one check parser directive",
		strings.Repeat("#", 5<<20): "larger than",
	} {
		_, err := Parse(strings.NewReader(text))
		require.ErrorContains(t, err, want)
	}
}

func TestExpand(t *testing.T) {
	env := func(name string) (string, bool) {
		value, ok := map[string]string{"x": "one", "empty": "", "path": "/usr/local/lib"}[name]
		return value, ok
	}
	for word, want := range map[string]string{
		`$x ${x}y $xy.`: "one oney .", `"$x"`: "one", `'$x'`: "$x", `\$x`: "$x", `"a\b"`: `a\b`, `a\b`: "ab",
		`${nothing:-w}`: "w", `${empty:-w}`: "w", `${empty-w}`: "", `${x:+w}`: "w", `${empty:+w}`: "", `${empty+w}`: "w",
		`${nothing:-${x}}`: "one", `${x:?w}`: "one",
		`${path#*/}`: "usr/local/lib", `${path##*/}`: "lib", `${path%/*}`: "/usr/local", `${path%%/*}`: "",
		`${path/l/L}`: "/usr/Local/lib", `${path//l/L}`: "/usr/LocaL/Lib", `${path//\//-}`: "-usr-local-lib", `${x/?n/}`: "e",
	} {
		got, err := Expand(word, env, '\\')
		require.NoError(t, err, word)
		if got != want {
			t.Errorf("%s becomes %q, want %q", word, got, want)
		}
	}
	for word, want := range map[string]string{
		`${x`: "missing '}'", `${}`: "bad substitution", `${x!}`: "unsupported modifier", `'x`: "single-quote", `"x`: "double-quote",
		`${nothing:?is needed}`: "nothing: is needed", `${empty:?}`: "not allowed to be empty", `${nothing?}`: "not allowed to be unset", `${x#\a}`: "invalid pattern",
	} {
		_, err := Expand(word, env, '\\')
		require.ErrorContains(t, err, want, word)
	}
	got, err := ExpandText(`"$x" 'it''s`, env, '\\')
	if err != nil || got != `"one" 'it''s` {
		t.Errorf("in a text quotes stay: %q, %v", got, err)
	}
	words, err := Words(`a "b c" $x`, env, '`')
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b c", "one"}, words)
}

// FuzzParse checks laws of every file: lines are in order and in the file,
// and an instruction read alone is the same instruction.
func FuzzParse(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.Dockerfile")
	if err != nil || len(paths) < 40 {
		f.Fatalf("the corpus is gone: %d files, %v", len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Parse(strings.NewReader(text))
		if err != nil {
			if !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("%v is not fs.ErrInvalid", err)
			}
			return
		}
		last := 0
		for _, s := range file.Stages {
			for _, in := range append([]Instruction{s.From}, s.Instructions...) {
				if in.Line <= last || in.End < in.Line || in.End > strings.Count(text, "\n")+1 {
					t.Errorf("%s stands in lines %d–%d, behind line %d", in.Name, in.Line, in.End, last)
				}
				last = in.End
				again(t, in, file.Escape)
			}
		}
	})
}

// again reads an instruction by itself.
func again(t *testing.T, in Instruction, escape rune) {
	if len(in.Heredocs) > 0 {
		return
	}
	l := newLines(in.Original)
	l.escape = escape
	got, err := l.parse(in.Original)
	if err != nil || got.Name != in.Name || strings.Join(got.Args, "|") != strings.Join(in.Args, "|") {
		t.Errorf("%q is read as %v the second time: %v", in.Original, got.Args, err)
	}
}

// FuzzExpand checks that what has no special character stays as it is.
func FuzzExpand(f *testing.F) {
	for _, word := range []string{"plain", "${x:-y}", `"$x"`, `\`, "${x//a/b}", "<<EOF"} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		got, err := Expand(word, func(string) (string, bool) { return "v", true }, '\\')
		if err == nil && !strings.ContainsAny(word, "$'\"\\") && got != strings.ToValidUTF8(word, "\uFFFD") && strings.ToValidUTF8(word, "") == word {
			t.Errorf("%q became %q", word, got)
		}
	})
}
