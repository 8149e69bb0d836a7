package filter

import (
	"testing"

	"github.com/containerd/errdefs"
	"github.com/stretchr/testify/require"
)

func TestParseBothSpellings(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"name":{"b":true,"a":true,"c":false}}`, `{"name":["a","b"]}`} {
		args, err := Parse(text)
		require.NoError(t, err)
		require.Equal(t, Args{"name": {"a", "b"}}, args)
	}
	args, err := Parse("")
	require.NoError(t, err)
	require.Empty(t, args)
	for _, text := range []string{"x", `["a"]`, `{"a":1}`} {
		if _, err := Parse(text); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%s: %v, want a bad request", text, err)
		}
	}
}

func TestMatching(t *testing.T) {
	t.Parallel()
	args := Args{"name": {"a", "b"}, "label": {"k=v", "l"}}
	if !args.Exact("name", "b") || args.Exact("name", "c") || !args.Exact("other", "c") {
		t.Error("one of the values must match, and a key that is not there lets everything through")
	}
	if !args.Labels("label", map[string]string{"k": "v", "l": "x"}) || args.Labels("label", map[string]string{"k": "v"}) {
		t.Error("every label must be there")
	}
	if args.Labels("label", map[string]string{"k": "w", "l": ""}) {
		t.Error("a label with another value is another label")
	}
	err := args.Only("name")
	if !errdefs.IsInvalidArgument(err) || err.Error() != "invalid filter 'label'" {
		t.Errorf("an unknown key: %v", err)
	}
}

func TestBool(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{"true": true, "1": true, "false": false, "0": false} {
		if got, err := (Args{"dangling": {value}}).Bool("dangling", !want); err != nil || got != want {
			t.Errorf("%s is %v, %v", value, got, err)
		}
	}
	if got, err := (Args{}).Bool("dangling", true); err != nil || !got {
		t.Errorf("without the key: %v, %v", got, err)
	}
	if _, err := (Args{"dangling": {"maybe"}}).Bool("dangling", true); err == nil {
		t.Error("maybe was accepted")
	}
}

// Whatever a client sends, what was understood means the same when it is sent
// again.
func FuzzParse(f *testing.F) {
	f.Add(`{"a":{"b":true}}`)
	f.Add(`{"a":["b"]}`)
	f.Fuzz(func(t *testing.T, text string) {
		args, err := Parse(text)
		if err != nil {
			return
		}
		for key, values := range args {
			for _, v := range values {
				if !args.Exact(key, v) {
					t.Errorf("%q does not match itself in %q", v, text)
				}
			}
		}
	})
}
