package auth

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"drydock/01-namespaces/sandboxtest"
)

// TestMain lends the test binary as a credential helper, too: see keychain.
func TestMain(m *testing.M) {
	sandboxtest.Main(m, map[string]func() int{"docker-credential-box": keychain})
}

func TestHeaderRoundTrip(t *testing.T) {
	for _, want := range []Credentials{
		{},
		{Username: "ann", Password: "p:w?>~ü"},
		{IdentityToken: "id"},
		{RegistryToken: "reg"},
	} {
		got, err := DecodeHeader(EncodeHeader("host:5000", want))
		if err != nil || got != want {
			t.Errorf("%+v comes back as %+v (%v)", want, got, err)
		}
	}
}

func TestHeaderAsClientsSendIt(t *testing.T) {
	ann := Credentials{Username: "ann", Password: "secret??>>"}
	body := `{"username":"ann","password":"secret??>>","email":"","serveraddress":"x"}`
	pair := base64.StdEncoding.EncodeToString([]byte(`{"auth":"` + encodePair(ann.Username, ann.Password) + `"}`))
	for name, value := range map[string]string{
		"padded url alphabet":   base64.URLEncoding.EncodeToString([]byte(body)),
		"unpadded url alphabet": base64.RawURLEncoding.EncodeToString([]byte(body)),
		"standard alphabet":     base64.StdEncoding.EncodeToString([]byte(body)),
		"the pair of the file":  pair,
	} {
		if got, err := DecodeHeader(value); err != nil || got != ann {
			t.Errorf("%s: %+v (%v)", name, got, err)
		}
	}
	if got, err := DecodeHeader(""); err != nil || got != (Credentials{}) {
		t.Errorf("no header is %+v (%v), want anonymous", got, err)
	}
	for _, bad := range []string{"secret!", base64.URLEncoding.EncodeToString([]byte("secret"))} {
		if _, err := DecodeHeader(bad); err == nil || strings.Contains(err.Error(), bad) {
			t.Errorf("%q gives %v: want an error that does not quote it", bad, err)
		}
	}
}

func TestChallenges(t *testing.T) {
	hub := Challenge{"bearer", map[string]string{"realm": "https://auth.docker.io/token", "service": "registry.docker.io", "scope": "repository:a/b:pull,push"}}
	basic := Challenge{"basic", map[string]string{"realm": `say "x", y`}}
	for header, want := range map[string][]Challenge{
		``: nil,
		`Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"`:     {hub},
		`bearer REALM = "https://auth.docker.io/token" , service=registry.docker.io,scope="repository:a/b:pull,push" ,`: {hub},
		`Basic realm="say \"x\", y"`:                 {basic},
		`Negotiate, Basic realm="say \"x\", y"`:      {{"negotiate", map[string]string{}}, basic},
		`Basic realm="say \"x\", y", Bearer realm=z`: {basic, {"bearer", map[string]string{"realm": "z"}}},
		`Basic realm="never ends`:                    {{"basic", map[string]string{}}},
		`="x"`:                                       nil,
		`"Basic"`:                                    nil,
	} {
		got := Challenges(http.Header{"Www-Authenticate": {header}})
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\nis read as %+v\nwant %+v", header, got, want)
		}
	}
}

// FuzzChallenges holds the parser to a law: what it understood, written out
// properly, it understands again.
func FuzzChallenges(f *testing.F) {
	f.Add(`Bearer realm="https://a/b",service=c,scope="d e", Basic realm="\"x\""`)
	f.Add(`Basic,,, Basic =`)
	f.Fuzz(func(t *testing.T, header string) {
		first := parseChallenges(header)
		var b strings.Builder
		for _, c := range first {
			fmt.Fprintf(&b, "%s ", c.Scheme)
			for name, value := range c.Parameters {
				quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value)
				fmt.Fprintf(&b, `%s="%s",`, name, quoted)
			}
			b.WriteString(",")
		}
		if second := parseChallenges(b.String()); !reflect.DeepEqual(first, second) {
			t.Errorf("%q\nis read as   %+v\nwritten out  %q\nand read as  %+v", header, first, b.String(), second)
		}
	})
}
