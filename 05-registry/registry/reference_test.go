package registry

import (
	"strings"
	"testing"
)

const anyDigest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

func TestReferencesAreDockers(t *testing.T) {
	for in, want := range map[string][2]string{
		"ubuntu":                    {"docker.io/library/ubuntu:latest", "ubuntu:latest"},
		"ubuntu:24.04":              {"docker.io/library/ubuntu:24.04", "ubuntu:24.04"},
		"ann/tool":                  {"docker.io/ann/tool:latest", "ann/tool:latest"},
		"index.docker.io/library/x": {"docker.io/library/x:latest", "x:latest"},
		"localhost/x":               {"localhost/x:latest", "localhost/x:latest"},
		"localhost:5000/a/b/c:v":    {"localhost:5000/a/b/c:v", "localhost:5000/a/b/c:v"},
		"[::1]:5000/a":              {"[::1]:5000/a:latest", "[::1]:5000/a:latest"},
		"quay.io/x@" + anyDigest:    {"quay.io/x@" + anyDigest, "quay.io/x@" + anyDigest},
		"x:v@" + anyDigest:          {"docker.io/library/x:v@" + anyDigest, "x:v@" + anyDigest},
	} {
		ref, err := ParseReference(in)
		if err != nil || ref.String() != want[0] || ref.Familiar() != want[1] {
			t.Errorf("%s: %s, %s (%v), want %s", in, ref, ref.Familiar(), err, want)
		}
	}
	for _, bad := range []string{"", "UPPER", "a:", ":x", "a b", "../x", "x@sha256:12", strings.Repeat("a", 300), anyDigest[7:], "-x"} {
		if ref, err := ParseReference(bad); err == nil {
			t.Errorf("%q is read as %s", bad, ref)
		}
	}
}

// FuzzReference holds the parser to a law: a full name and a familiar name
// both mean what they were made from.
func FuzzReference(f *testing.F) {
	for _, seed := range []string{"ubuntu", "localhost:5000/a/b:v", "x:v@" + anyDigest, "docker.io/a", "[::1]/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := ParseReference(s)
		if err != nil {
			return
		}
		for _, text := range []string{ref.String(), ref.Familiar()} {
			if again, err := ParseReference(text); err != nil || again != ref {
				t.Errorf("%q is %+v; %q is %+v (%v)", s, ref, text, again, err)
			}
		}
	})
}
