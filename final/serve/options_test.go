package serve

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// configured parses args with text as the configuration file.
func configured(t *testing.T, text string, args ...string) (Options, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "daemon.json")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return Parse(append([]string{"--config-file", path}, args...))
}

func TestDefaultsLiveBesideDocker(t *testing.T) {
	o, err := configured(t, "")
	require.NoError(t, err)
	if o.Hosts[0] != "unix:///run/drydock.sock" || o.DataRoot != "/var/lib/drydock" || o.ExecRoot != "/run/drydock" ||
		o.Bridge != "drydock0" || o.Pidfile != "/run/drydock/drydockd.pid" || o.LiveRestore || o.TLSVerify {
		t.Errorf("got %+v", o)
	}
}

func TestFileAndFlags(t *testing.T) {
	o, err := configured(t, `{"debug": true, "hosts": ["unix:///a", "unix:///b"], "insecure-registries": ["r:5000"], "live-restore": true}`,
		"--data-root", "/d/", "--exec-root", "/e", "-l", "warn", "--registry-mirror", "https://m", "--bip", "10.1.0.1/24")
	require.NoError(t, err)
	if !o.Debug || !o.LiveRestore || !slices.Equal(o.Hosts, []string{"unix:///a", "unix:///b"}) || o.InsecureRegistries[0] != "r:5000" {
		t.Errorf("the file says otherwise: %+v", o)
	}
	if o.DataRoot != "/d" || o.Pidfile != "/e/drydockd.pid" || o.LogLevel != "warn" || o.RegistryMirrors[0] != "https://m" {
		t.Errorf("the flags say otherwise: %+v", o)
	}
}

func TestFileIsRefused(t *testing.T) {
	for _, c := range []struct {
		text, flag, want string
	}{
		{`{"bogus": 1, "apples": 2}`, "-D", "the following directives don't match any configuration option: apples, bogus"},
		{`{"host": ["unix:///a"]}`, "-D", "the following directives don't match any configuration option: host"},
		{`{"config-file": "/x"}`, "-D", "the following directives don't match any configuration option: config-file"},
		{`{"debug": true}`, "-D", "the following directives are specified both as a flag and in the configuration file: debug: (from flag: true, from file: true)"},
		{`{"hosts": ["unix:///a"]}`, "-H=unix:///b", "hosts: (from flag: [unix:///b], from file: [\"unix:///a\"])"},
		{`{"debug": "yes"}`, "-lwarn", "cannot unmarshal string"},
		{`{`, "-D", "unexpected end of JSON input"},
		{`{"log-level": "loud"}`, "-D", "invalid logging level: loud"},
	} {
		_, err := configured(t, c.text, c.flag)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with %s: got %v, want %q", c.text, c.flag, err, c.want)
		}
	}
}

func TestBadValues(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-l", "loud"}, "invalid logging level: loud"},
		{[]string{"--bip", "nope"}, `invalid --bip "nope"`},
		{[]string{"--bip", "10.0.0.1/8", "-b", "none"}, "conflicting options"},
		{[]string{"--data-root", "here"}, "here is not an absolute path"},
		{[]string{"--exec-root", "there"}, "there is not an absolute path"},
		{[]string{"-H", "carrier-pigeon://x"}, "invalid bind address format: carrier-pigeon://x"},
		{[]string{"-H", "unix://relative"}, "invalid bind address format"},
		{[]string{"-H", "tcp://nowhere"}, "invalid bind address (tcp://nowhere)"},
		{[]string{"serve"}, `drydockd accepts no arguments, got ["serve"]`},
		{[]string{"--bogus"}, "unknown flag: --bogus"},
	} {
		_, err := configured(t, "", c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q", c.args, err, c.want)
		}
	}
	if _, err := Parse([]string{"--help"}); !errors.Is(err, pflag.ErrHelp) {
		t.Errorf("--help is %v", err)
	}
}

func TestFileMayBeMissingUnlessAskedFor(t *testing.T) {
	_, err := Parse([]string{"--config-file", filepath.Join(t.TempDir(), "none.json")})
	if err == nil || !strings.Contains(err.Error(), "unable to configure the daemon with file") {
		t.Errorf("got %v: the user named a file that is not there", err)
	}
}
