// Package oracle asks BuildKit's parser what it makes of the Dockerfiles that
// our own one reads. It is a module of its own, since nothing else here needs
// BuildKit.
package oracle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/stretchr/testify/require"

	"drydock/08-dockerfile/dockerfile"
)

// corpus are the Dockerfiles of chapter 8's own tests.
func corpus(t testing.TB) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../dockerfile/testdata/*.Dockerfile")
	require.NoError(t, err)
	require.Greater(t, len(paths), 40, "the corpus is gone")
	files := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		files[strings.TrimSuffix(filepath.Base(path), ".Dockerfile")] = string(text)
	}
	return files
}

// theirs is what BuildKit makes of a Dockerfile, an instruction a line. There
// are files that make it panic when it has no linter: a refusal, too.
func theirs(text string) (tree string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	result, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return "", err
	}
	if _, _, err := instructions.Parse(result.AST, nil); err != nil {
		return "", err
	}
	var out strings.Builder
	for _, n := range result.AST.Children {
		fmt.Fprintf(&out, "%d-%d %s\n", n.StartLine, n.EndLine, describeNode(n))
	}
	return out.String(), nil
}

func describeNode(n *parser.Node) string {
	name := strings.ToUpper(n.Value)
	var args []string
	for next := n.Next; next != nil; next = next.Next {
		if len(next.Children) > 0 {
			return fmt.Sprintf("%s (%s) %s", name, describeNode(next.Children[0]), documents(n.Heredocs))
		}
		args = append(args, next.Value)
	}
	if name == "ENV" || name == "LABEL" { // name, value, sign
		var pairs []string
		for i := 0; i+2 < len(args); i += 3 {
			pairs = append(pairs, args[i], args[i+1])
		}
		args = pairs
	}
	return fmt.Sprintf("%s flags=%q args=%q json=%v %s", name, none(n.Flags), none(args), n.Attributes["json"], documents(n.Heredocs))
}

func documents(all []parser.Heredoc) string {
	var out []string
	for _, h := range all {
		out = append(out, fmt.Sprintf("<<%q fd=%d expand=%v chomp=%v %q", h.Name, h.FileDescriptor, h.Expand, h.Chomp, h.Content))
	}
	return strings.Join(out, " ")
}

func none(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// ours is the same for our parser.
func ours(text string) (string, error) {
	f, err := dockerfile.Parse(strings.NewReader(text))
	if err != nil {
		return "", err
	}
	all := f.Args
	for _, s := range f.Stages {
		all = append(append(all, s.From), s.Instructions...)
	}
	var out strings.Builder
	for _, in := range all {
		fmt.Fprintf(&out, "%d-%d %s\n", in.Line, in.End, describe(in))
	}
	return out.String(), nil
}

func describe(in dockerfile.Instruction) string {
	var heredocs []parser.Heredoc
	for _, h := range in.Heredocs {
		heredocs = append(heredocs, parser.Heredoc{Name: h.Name, FileDescriptor: h.FD, Expand: h.Expand, Chomp: h.Chomp, Content: h.Content})
	}
	if in.Trigger != nil {
		inner := *in.Trigger
		inner.Heredocs = nil
		return fmt.Sprintf("%s (%s) %s", in.Name, describe(inner), documents(heredocs))
	}
	var flags []string
	for _, f := range in.Flags {
		if f.Bare {
			flags = append(flags, "--"+f.Name)
		} else {
			flags = append(flags, "--"+f.Name+"="+f.Value)
		}
	}
	return fmt.Sprintf("%s flags=%q args=%q json=%v %s", in.Name, none(flags), none(in.Args), in.JSON, documents(heredocs))
}

func TestWeReadWhatBuildKitReads(t *testing.T) {
	for name, text := range corpus(t) {
		t.Run(name, func(t *testing.T) {
			want, theirErr := theirs(text)
			got, ourErr := ours(text)
			if (theirErr == nil) != (ourErr == nil) {
				t.Fatalf("the verdicts differ:\nBuildKit: %v\nwe:       %v", theirErr, ourErr)
			}
			if theirErr == nil && got != want {
				t.Errorf("the trees differ:\nBuildKit:\n%s\nwe:\n%s", want, got)
			}
		})
	}
}

// variables are those of the words below.
var variables = map[string]string{"x": "one", "empty": "", "path": "/usr/local/lib", "file": "a.tar.gz", "two": "a b", "star": "a*b", "ü": "u"}

func get(name string) (string, bool) { value, ok := variables[name]; return value, ok }

type environment struct{}

func (environment) Get(name string) (string, bool) { return get(name) }
func (environment) Keys() []string                 { return nil }

// words are expanded by both.
var words = strings.Split(`$x|${x}|a$x.b|${x}y|$xy|$nothing|${nothing}|'$x'|"$x"|\$x|"\$x"|'\$x'|${x:-d}|${empty:-d}|${empty-d}|${nothing-d}|${nothing:-$x}
${x:+d}|${empty:+d}|${empty+d}|${nothing+d}|${x:?gone}|${nothing:?gone}|${empty?gone}|${empty:?gone}|${nothing?}|${path#*/}|${path##*/}|${path%/*}|${path%%/*}|${file%.*}|${file%%.*}|${file#*.}|${file##*.}
${path/local/share}|${path//\//-}|${path//l/L}|${file/.*/}|${file//?a/X}|${star#a\*}|${star%\*b}|$|$$|$1x|${1}|$@|a\b|"a\b"|'a\b'|\|"|'|${|${x|${}|${:x}|${x:}|${x!}|${x:#a}|${x/a}|a b|"a b" c|$two|"$two"|x"y"z
${nothing:-"a b"}|${nothing:-'$x'}|${nothing:-\}}|ü$ü|$ü|${ü}|<<EOF|a<b|<<< x|~|*|"${x:-"d"}"|${x#\a}|${nothing:-${empty:-${x}}}|%|#|${path#"/"}|${path%'lib'}|"\\"|\\|'`+"`"+`'`, "|")

func TestWeExpandAsBuildKitDoes(t *testing.T) {
	for _, line := range words {
		for word := range strings.SplitSeq(line, "\n") {
			want, _, theirErr := shell.NewLex('\\').ProcessWord(word, environment{})
			got, ourErr := dockerfile.Expand(word, get, '\\')
			if (theirErr == nil) != (ourErr == nil) || theirErr == nil && got != want {
				t.Errorf("%q: BuildKit makes %q, %v of it, we %q, %v", word, want, theirErr, got, ourErr)
			}
		}
	}
}

func FuzzTree(f *testing.F) {
	for _, text := range corpus(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			t.Skip("BuildKit changes bytes that are no text")
		}
		want, theirErr := theirs(text)
		got, ourErr := ours(text)
		if theirErr == nil && ourErr == nil && got != want {
			t.Errorf("the trees differ:\nBuildKit:\n%s\nwe:\n%s", want, got)
		}
	})
}

func FuzzExpand(f *testing.F) {
	for _, word := range words {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		if !utf8.ValidString(word) {
			t.Skip("BuildKit changes bytes that are no text")
		}
		want, _, theirErr := shell.NewLex('\\').ProcessWord(word, environment{})
		got, ourErr := dockerfile.Expand(word, get, '\\')
		if theirErr == nil && ourErr == nil && got != want {
			t.Errorf("%q: BuildKit makes %q of it, we %q", word, want, got)
		}
	})
}
