package main

import (
	"io/fs"
	"slices"
	"testing"
	"time"
)

func TestBasicExpressionsSwapTheirSpecials(t *testing.T) {
	for text, want := range map[string]string{
		`a+b`: `a\+b`, `a\+b`: `a+b`, `\(x\)`: `(x)`, `(x)`: `\(x\)`, `a.b*`: `a.b*`, `\.`: `\.`, `a\|b`: `a|b`, `\`: `\`,
	} {
		if got := basic(text); got != want {
			t.Errorf("the basic expression %s means %s, got %s", text, want, got)
		}
	}
}

func TestReplacementsOfSed(t *testing.T) {
	for text, want := range map[string]string{`[&]`: `[${0}]`, `\&`: `&`, `\2\1`: `${2}${1}`, `$1`: `$$1`, `a\nb`: "a\nb"} {
		if got := template(text); got != want {
			t.Errorf("%s should become %s, got %s", text, want, got)
		}
	}
}

func TestSedRefusesWhatItCannotDo(t *testing.T) {
	for _, text := range []string{"q", "s/a/b", "/a", "3", "s", "y/a/b/", "s/[/x/"} {
		if steps, err := parseScript(text, false); err == nil {
			t.Errorf("%q is taken for %+v", text, steps)
		}
	}
}

func FuzzSedScripts(f *testing.F) {
	for _, seed := range []string{"s/a/b/g", "1d;$p", `s|\(x\)|\1|I`, "/a/d", "s/\\", "", ";;"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		steps, err := parseScript(text, true)
		if err != nil {
			return
		}
		for _, s := range steps {
			if s.verb == 's' && s.find == nil {
				t.Errorf("%q makes a substitution that looks for nothing", text)
			}
		}
	})
}

func TestModesInLetters(t *testing.T) {
	for _, test := range []struct {
		mode string
		now  fs.FileMode
		want uint64
	}{
		{"u+x", 0o644, 0o744}, {"go-r", 0o644, 0o600}, {"a=r", 0o755, 0o444}, {"+x", 0o644, 0o755}, {"u=rw,g=r,o=", 0o777, 0o640},
		{"u+s", 0o755, 0o4755}, {"+t", 0o777, 0o1777}, {"a+X", 0o644, 0o644}, {"a+X", 0o744, 0o755}, {"o-w", fs.ModeSticky | 0o777, 0o1775},
	} {
		got, err := letters(test.mode, test.now)
		if err != nil || got != test.want {
			t.Errorf("%s makes %o of %v, got %o, %v", test.mode, test.want, test.now, got, err)
		}
	}
	for _, bad := range []string{"", "x", "u+z", "u"} {
		if _, err := letters(bad, 0o644); err == nil {
			t.Errorf("%q is no mode", bad)
		}
	}
}

func TestListsOfFields(t *testing.T) {
	parts := []string{"a", "b", "c", "d"}
	for list, want := range map[string]string{"1": "a", "2-3": "bc", "-2": "ab", "3-": "cd", "1,4": "ad", "4,1": "ad", "9": ""} {
		in, err := spans(list)
		got := ""
		for _, part := range pick(parts, in) {
			got += part
		}
		if err != nil || got != want {
			t.Errorf("%s picks %q, got %q, %v", list, want, got, err)
		}
	}
	if _, err := spans("a-b"); err == nil {
		t.Error("a-b is no list of fields")
	}
}

func TestSetsOfCharacters(t *testing.T) {
	for text, want := range map[string]string{"a-c": "abc", "a-": "a-", "[:digit:]": "0123456789", `\n`: "\n", "xyz": "xyz", "z-a": "z-a"} {
		if got := set(text); !slices.Equal(got, []rune(want)) {
			t.Errorf("%s stands for %q, got %q", text, want, string(got))
		}
	}
}

func TestSizesAndTimes(t *testing.T) {
	for text, want := range map[string]int64{"64m": 64 << 20, "1G": 1 << 30, "4096": 4096, "2k": 2048, "3MiB": 3 << 20, "7b": 7} {
		if got, err := bytes(text); err != nil || got != want {
			t.Errorf("%s is %d bytes, got %d, %v", text, want, got, err)
		}
	}
	for _, bad := range []string{"", "m", "-1m", "1x", "1mk"} {
		if got, err := bytes(bad); err == nil {
			t.Errorf("%q is taken for %d bytes", bad, got)
		}
	}
	if got, err := duration([]string{"1m", "0.5", "2s"}); err != nil || got != 62500*time.Millisecond {
		t.Errorf("1m 0.5 2s is 62.5 s, got %v, %v", got, err)
	}
	for _, bad := range []string{"", "x", "-1", "1y"} {
		if got, err := duration([]string{bad}); err == nil {
			t.Errorf("%q is taken for %v", bad, got)
		}
	}
}

func TestOptions(t *testing.T) {
	c := &call{args: []string{"-la", "-n5", "-o", "x", "--", "-z"}}
	if err := c.options("la", "no"); err != nil {
		t.Fatal(err)
	}
	if !c.has('l') || !c.has('a') || c.set['n'] != "5" || c.set['o'] != "x" || !slices.Equal(c.args, []string{"-z"}) {
		t.Errorf("read %v and left %q", c.set, c.args)
	}
	for _, bad := range [][]string{{"-q"}, {"-n"}} {
		if err := (&call{args: bad}).options("la", "no"); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestModesAreWrittenAsLsDoes(t *testing.T) {
	for mode, want := range map[uint32]string{0o100644: "-rw-r--r--", 0o041777: "drwxrwxrwt", 0o104755: "-rwsr-xr-x", 0o102644: "-rw-r-Sr--", 0o120777: "lrwxrwxrwx"} {
		if got := modeText(mode); got != want {
			t.Errorf("%o is written %s, got %s", mode, want, got)
		}
	}
}
