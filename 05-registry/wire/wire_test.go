package wire

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	for s, want := range map[string]bool{
		"a": true, "library/busybox": true, "a.b_c__d-e--f/g": true, "0": true,
		"": false, "A": false, "a/": false, "/a": false, "a//b": false, "a/../b": false, "..": false,
		"a_": false, "_a": false, "a___b": false, "a.-b": false, "a/_manifests": false, "a\n": false,
		strings.Repeat("a", 255): true, strings.Repeat("a", 256): false,
	} {
		if got := ValidName(s); got != want {
			t.Errorf("repository %q is valid: %v, want %v", s, got, want)
		}
	}
	for s, want := range map[string]bool{
		"latest": true, "v1.2-3_4": true, "_x": true, "V": true, strings.Repeat("a", 128): true,
		"": false, ".x": false, "-x": false, "a/b": false, "a:b": false, "a\n": false, strings.Repeat("a", 129): false,
	} {
		if got := ValidTag(s); got != want {
			t.Errorf("tag %q is valid: %v, want %v", s, got, want)
		}
	}
}

func TestDigest(t *testing.T) {
	got, err := Digest("sha256", []byte("{}"))
	if err != nil || got.String() != "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := Digest("md5", nil); err == nil {
		t.Error("md5 is taken for a digest")
	}
}

func TestErrorsOfAllKinds(t *testing.T) {
	for body, want := range map[string]string{
		`{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"x"}},{"code":"OTHER"}]}`: "manifest unknown: manifest unknown",
		`{"details":"incorrect username or password"}`:                                                                "denied: incorrect username or password",
		`{"message":"go away"}`:              "denied: go away",
		`{"errors":[]}`:                      "denied: received unexpected HTTP status: 403 Forbidden",
		`<html>`:                             "denied: received unexpected HTTP status: 403 Forbidden",
		``:                                   "denied: received unexpected HTTP status: 403 Forbidden",
		`{"message":"red \u001b[31m\nline"}`: "denied: red  [31m line",
	} {
		resp := &http.Response{StatusCode: 403, Status: "403 Forbidden", Body: io.NopCloser(strings.NewReader(body))}
		got := ReadError(resp)
		if got.Error() != want || got.Status != 403 {
			t.Errorf("%s reads as %q (%d), want %q", body, got, got.Status, want)
		}
	}
}

func TestErrorsAreBounded(t *testing.T) {
	endless := &http.Response{StatusCode: 500, Status: "500", Body: io.NopCloser(zeros{})}
	if got := ReadError(endless); got.Code != Unknown {
		t.Errorf("got %v", got)
	}
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
