package stdio

import (
	"bytes"
	"testing"
)

func TestParseKeys(t *testing.T) {
	for in, want := range map[string]string{
		"ctrl-p,ctrl-q": "\x10\x11", "ctrl-a,b": "\x01b", "ctrl-@": "\x00", "ctrl-[": "\x1b",
		`ctrl-\`: "\x1c", "ctrl-_": "\x1f", "a,b,c": "abc", "A": "A",
	} {
		if got, err := ParseKeys(in); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v; want %q", in, got, err, want)
		}
	}
}

func TestParseKeysRefuses(t *testing.T) {
	for _, in := range []string{"", "ctrl-", "ctrl-A", "ctrl-1", "ab", "a,,b", "alt-x", "ctrl-ab"} {
		if got, err := ParseKeys(in); err == nil {
			t.Errorf("%q was taken for %q", in, got)
		}
	}
}

func TestDetacher(t *testing.T) {
	for _, c := range []struct {
		keys, typed, want string
		detached          bool
	}{
		{"\x10\x11", "hello", "hello", false},
		{"\x10\x11", "a\x10\x11b", "a", true},
		{"\x10\x11", "a\x10b", "a\x10b", false},
		{"\x10\x11", "\x10\x10\x11", "\x10", true},
		{"\x10\x11", "a\x10", "a", false}, // held back: nobody knows yet
		{"aab", "aaab", "a", true},
		{"aab", "aac", "aac", false},
		{"abab", "abaabab", "aba", true},
		{"", "\x10\x11", "\x10\x11", false},
	} {
		for _, step := range []int{1, 2, len(c.typed)} {
			d := Detacher{Keys: []byte(c.keys)}
			var got []byte
			detached := false
			for rest := []byte(c.typed); len(rest) > 0 && !detached; {
				n := min(step, len(rest))
				got, detached = d.Filter(got, rest[:n])
				rest = rest[n:]
			}
			if string(got) != c.want || detached != c.detached {
				t.Errorf("%q typed with %q, %d at once: %q, %v; want %q, %v",
					c.typed, c.keys, step, got, detached, c.want, c.detached)
			}
		}
	}
}

func FuzzDetacher(f *testing.F) {
	f.Add([]byte("aab"), []byte("aaaaab"))
	f.Fuzz(func(t *testing.T, keys, typed []byte) {
		if len(keys) == 0 {
			return
		}
		d := Detacher{Keys: keys}
		got, detached := d.Filter(nil, typed)
		at := bytes.Index(typed, keys)
		switch {
		case detached != (at >= 0):
			t.Errorf("keys %q in %q: detached %v", keys, typed, detached)
		case detached && !bytes.Equal(got, typed[:at]):
			t.Errorf("keys %q in %q: the program got %q", keys, typed, got)
		case !detached && !bytes.Equal(append(got, keys[:d.held]...), typed):
			t.Errorf("keys %q in %q: the program got %q, held %d", keys, typed, got, d.held)
		}
	})
}
