package auth

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// keychain is a credential helper that keeps one secret in $BOX.
func keychain() int {
	box := os.Getenv("BOX")
	in, _ := io.ReadAll(os.Stdin)
	switch os.Args[1] {
	case "store":
		os.WriteFile(box, in, 0o600)
	case "erase":
		os.Remove(box)
	case "get":
		b, err := os.ReadFile(box)
		var s secret
		if json.Unmarshal(b, &s); err != nil || s.ServerURL != string(in) {
			fmt.Println("credentials not found in native keychain")
			return 1
		}
		os.Stdout.Write(b)
	}
	return 0
}

func config(t *testing.T, text string) *Config {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.json")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	c, err := Load(path)
	require.NoError(t, err)
	return c
}

func TestConfigFindsCredentials(t *testing.T) {
	c := config(t, `{"auths":{
		"https://index.docker.io/v1/":{"auth":"`+encodePair("hub", "a:b")+`"},
		"local:5000":{"username":"ann","password":"pw"},
		"https://old.example/v2/":{"auth":"`+encodePair("old", "x")+`","identitytoken":"id"}}}`)
	for host, want := range map[string]Credentials{
		"docker.io":   {Username: "hub", Password: "a:b"},
		"local:5000":  {Username: "ann", Password: "pw"},
		"old.example": {Username: "old", Password: "x", IdentityToken: "id"},
		"local":       {},
		"":            {},
	} {
		if got, err := c.Get(host); err != nil || got != want {
			t.Errorf("%q: %+v (%v), want %+v", host, got, err, want)
		}
	}
}

func TestConfigIsKeptWhole(t *testing.T) {
	c := config(t, `{"psFormat":"table","auths":{"a":{"auth":"`+encodePair("x", "y")+`"}}}`)
	require.NoError(t, c.Put("docker.io", Credentials{Username: "ann", Password: "pw", IdentityToken: "id"}))
	require.NoError(t, c.Delete("a"))
	raw, err := os.ReadFile(c.path)
	require.NoError(t, err)
	if !strings.Contains(string(raw), `"psFormat": "table"`) || !strings.Contains(string(raw), HubKey) {
		t.Errorf("the file is now %s", raw)
	}
	again, err := Load(c.path)
	require.NoError(t, err)
	if got, _ := again.Get("docker.io"); got != (Credentials{Username: "ann", IdentityToken: "id"}) {
		t.Errorf("kept %+v: want the identity token in the password's place", got)
	}
	if got, _ := again.Get("a"); got != (Credentials{}) {
		t.Errorf("deleted credentials come back: %+v", got)
	}
	if info, _ := os.Stat(c.path); info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, others can read it", info.Mode())
	}
}

func TestConfigThatIsNotThere(t *testing.T) {
	c, err := Load(filepath.Join(t.TempDir(), "new", "config.json"))
	require.NoError(t, err)
	require.NoError(t, c.Put("h", Credentials{Username: "ann", Password: "pw"}))
	again, err := Load(c.path)
	require.NoError(t, err)
	if got, _ := again.Get("h"); got.Username != "ann" {
		t.Errorf("got %+v", got)
	}
}

func TestBrokenConfigIsNotQuoted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"auths":{"x":{"password":"hunter2"}`), 0o600))
	if _, err := Load(path); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
	c := config(t, `{"auths":{"h":{"auth":"hunter2!"}}}`)
	if _, err := c.Get("h"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func TestCredentialHelper(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(self, filepath.Join(dir, "docker-credential-box")))
	t.Setenv("PATH", dir)
	t.Setenv("BOX", filepath.Join(dir, "box"))
	for name, c := range map[string]*Config{
		"for all":      config(t, `{"credsStore":"box"}`),
		"for one host": config(t, `{"credsStore":"absent","credHelpers":{"docker.io":"box"}}`),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.Get("docker.io")
			if err != nil || got != (Credentials{}) {
				t.Errorf("an empty keychain gives %+v (%v), want anonymous", got, err)
			}
			for _, want := range []Credentials{{Username: "ann", Password: "pw"}, {IdentityToken: "id"}} {
				require.NoError(t, c.Put("docker.io", want))
				if got, err := c.Get("docker.io"); err != nil || got != want {
					t.Errorf("kept %+v, got %+v (%v)", want, got, err)
				}
			}
			require.NoError(t, c.Delete("docker.io"))
			if got, _ := c.Get("docker.io"); got != (Credentials{}) {
				t.Errorf("deleted credentials come back: %+v", got)
			}
		})
	}
	for _, name := range []string{"../box", "absent"} {
		if _, err := config(t, `{"credsStore":"`+name+`"}`).Get("h"); err == nil {
			t.Errorf("helper %q gives no error", name)
		}
	}
}
