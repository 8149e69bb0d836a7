package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBadValuesAreRefusedInDockersWords needs no daemon: nothing may be asked
// of it before the command line makes sense.
func TestBadValuesAreRefusedInDockersWords(t *testing.T) {
	f := newFake(t, nil)
	for line, want := range map[string]string{
		"--bogus img":                          "unknown flag: --bogus",
		"-m 1x img":                            `invalid argument "1x" for "-m, --memory" flag: invalid suffix: 'x'`,
		"--cpus nope img":                      `invalid argument "nope" for "--cpus" flag: failed to parse nope as a rational number`,
		"--cpus 0.0000000001 img":              `invalid argument "0.0000000001" for "--cpus" flag: value is too precise`,
		"-a bogus img":                         `invalid argument "bogus" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR`,
		"-e =x img":                            `invalid argument "=x" for "-e, --env" flag: invalid environment variable: =x`,
		"--ulimit nofile=x img":                `invalid argument "nofile=x" for "--ulimit" flag: strconv.ParseInt: parsing "x": invalid syntax`,
		"--dns bogus img":                      `invalid argument "bogus" for "--dns" flag: IP address is not correctly formatted: bogus`,
		"--add-host bogus img":                 `invalid argument "bogus" for "--add-host" flag: bad format for add-host: "bogus"`,
		"--add-host a:b img":                   `invalid argument "a:b" for "--add-host" flag: invalid IP address in add-host: "b"`,
		"--sysctl bogus img":                   `invalid argument "bogus" for "--sysctl" flag: sysctl 'bogus' is not allowed`,
		"--mount type=bind img":                `invalid argument "type=bind" for "--mount" flag: target is required`,
		"--mount foo img":                      `invalid argument "foo" for "--mount" flag: invalid field 'foo' must be a key=value pair`,
		"--mount x=y img":                      `invalid argument "x=y" for "--mount" flag: unexpected key 'x' in 'x=y'`,
		"--mount target=/x,tmpfs-size=1m img":  `invalid argument "target=/x,tmpfs-size=1m" for "--mount" flag: cannot mix 'tmpfs-*' options with mount type 'volume'`,
		"--mount target=/x,readonly=maybe img": `invalid argument "target=/x,readonly=maybe" for "--mount" flag: invalid value for readonly: maybe`,
		"--network alias=x img":                `invalid argument "alias=x" for "--network" flag: network name/id is not specified`,
		"--network a --network a img":          `drydock: network "a" is specified multiple times`,
		"--ip bogus img":                       "drydock: invalid IP address: bogus",
		"--mac-address bogus img":              "drydock: bogus is not a valid mac address",
		"--device bogus img":                   "drydock: bogus is not an absolute path",
		"--device /a:/b:x img":                 "drydock: bad mode specified: x",
		"--device /a:/b:r:w img":               "drydock: invalid device specification: /a:/b:r:w",
		"--security-opt bogus img":             `drydock: Invalid --security-opt: "bogus"`,
		"--security-opt seccomp=/nope img":     "drydock: opening seccomp profile (/nope) failed: open /nope: no such file or directory",
		"--restart on-failure:x img":           "drydock: invalid restart policy format: maximum retry count must be an integer",
		"--restart always --rm img":            "drydock: conflicting options: cannot specify both --restart and --rm",
		"--health-cmd x --no-healthcheck img":  "drydock: --no-healthcheck conflicts with --health-* options",
		"--pull bogus img":                     `drydock: invalid pull option: 'bogus': must be one of "always", "missing" or "never"`,
		"-p 99999:80 img":                      "drydock: invalid hostPort: 99999",
		"-p 80:x img":                          "drydock: invalid containerPort: x",
		"-p 80/foo img":                        "drydock: invalid proto: foo",
		"-p 1000-1001:80-83 img":               "drydock: invalid ranges specified for container and host Ports: 80-83 and 1000-1001",
		"-p 1.2.3:80:80 img":                   "drydock: invalid IP address: 1.2.3",
		"-p [::1:80:80 img":                    "drydock: invalid IP address: [::1:80:80",
		"-p : img":                             "drydock: no port specified: :<empty>",
		"--expose x img":                       "drydock: invalid range format for --expose: x, error: invalid start port 'x': invalid syntax",
		"--env-file /nope img":                 "drydock: open /nope: no such file or directory",
		"IMG":                                  "drydock: invalid reference format: repository name (library/IMG) must be lowercase",
		"localhost:5000/Some/Img:Tag":          "drydock: invalid reference format: repository name (Some/Img) must be lowercase",
	} {
		got := f.run(append([]string{"run"}, strings.Fields(line)...)...)
		if said, _, _ := strings.Cut(got.err, "\n"); got.code != 125 || said != want {
			t.Errorf("run %s: ended with %d and\n  %s\nwant 125 and\n  %s", line, got.code, said, want)
		}
	}
	if asked := f.requests(); len(asked) != 0 {
		t.Errorf("the daemon was asked %q", asked)
	}
}

func TestConflictOfStreams(t *testing.T) {
	got := newFake(t, nil).run("run", "-d", "-a", "stdout", "img")
	if want := (result{1, "", "conflicting options: cannot specify both --attach and --detach\n"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestBadFilesOfVariables(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vars")
	for text, want := range map[string]string{
		"=1\n":    "invalid env file (" + path + "): no variable name on line '=1'",
		"A B=1\n": "invalid env file (" + path + "): variable 'A B' contains whitespaces",
	} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		if _, err := linesOf(path, here); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestPathsOfTheHostAreAbsolute(t *testing.T) {
	wd, err := os.Getwd()
	require.NoError(t, err)
	for given, want := range map[string]string{
		"/a": "/a", "name": "name", ".": wd, "./x": wd + "/x", "../x": filepath.Dir(wd) + "/x", ".hidden": ".hidden",
	} {
		if got := absolute(given); got != want {
			t.Errorf("%s is %s, want %s: the daemon runs elsewhere", given, got, want)
		}
	}
}

func TestReferences(t *testing.T) {
	for _, c := range []struct{ given, tagged, full, registry string }{
		{"img", "img:latest", "docker.io/library/img", "docker.io"},
		{"a/img:1", "a/img:1", "docker.io/a/img:1", "docker.io"},
		{"localhost/img", "localhost/img:latest", "localhost/img", "localhost"},
		{"h:5000/img", "h:5000/img:latest", "h:5000/img", "h:5000"},
		{"r.io/a/img@sha256:0", "r.io/a/img@sha256:0", "r.io/a/img@sha256:0", "r.io"},
	} {
		if withTag(c.given) != c.tagged || canonical(c.given) != c.full || registryOf(c.given) != c.registry {
			t.Errorf("%s: got %s, %s on %s", c.given, withTag(c.given), canonical(c.given), registryOf(c.given))
		}
	}
}

func TestMoments(t *testing.T) {
	for text, want := range map[string]string{
		"1700000000.5": "1700000000.5", "2023-11-14T22:13:20Z": "1700000000.000000000",
	} {
		if got, err := moment(text); err != nil || got != want {
			t.Errorf("%s: got %s (%v), want %s", text, got, err, want)
		}
	}
	if _, err := moment("yesterday"); err == nil {
		t.Error("yesterday is no time that the API knows")
	}
}
