package daemon

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandbox"
)

// specOf assembles the spec of a request, without a machine to run it on.
func specOf(t *testing.T, changes string, w world) sandbox.Spec {
	t.Helper()
	d := &Daemon{config: Config{LogDriver: "json-file"}}
	r := request(t, changes, "prog", "arg")
	d.normalize(r.HostConfig)
	wanted, err := places(r.Config, r.HostConfig)
	require.NoError(t, err)
	rec := &record{ID: strings.Repeat("a", 64), Path: "prog", Args: []string{"arg"}, Config: r.Config, HostConfig: r.HostConfig}
	for _, p := range wanted {
		rec.Mounts = append(rec.Mounts, p.MountPoint)
	}
	spec, err := assemble(rec, w)
	require.NoError(t, err)
	return spec
}

func TestSpecNamespaces(t *testing.T) {
	t.Parallel()
	all := namespace.Mount | namespace.UTS | namespace.IPC | namespace.PID | namespace.Net | namespace.Cgroup
	for changes, want := range map[string]namespace.Kind{
		``:                                      all,
		`{"HostConfig":{"NetworkMode":"host"}}`: all &^ namespace.Net,
		`{"HostConfig":{"NetworkMode":"container:x"}}`:                                              all &^ namespace.Net,
		`{"HostConfig":{"IpcMode":"host","PidMode":"host","UTSMode":"host","CgroupnsMode":"host"}}`: namespace.Mount | namespace.Net,
	} {
		if got := specOf(t, changes, world{}).New; got != want {
			t.Errorf("%s: namespaces %#x, want %#x", changes, got, want)
		}
	}
	joined := specOf(t, `{"HostConfig":{"NetworkMode":"container:x"}}`, world{join: neighbours{net: 7}}).Join
	if want := []string{"/proc/7/ns/net"}; !slices.Equal(joined, want) {
		t.Errorf("joins %q, want %q", joined, want)
	}
}

func TestSpecMounts(t *testing.T) {
	t.Parallel()
	spec := specOf(t, `{"Volumes":{"/data/in":{},"/bound":{}},"HostConfig":{"Binds":["/host:/bound:ro,rslave","vol:/data"],
		"Tmpfs":{"/dev/shm":"size=1m,exec"},"Mounts":[{"Type":"bind","Source":"/h2","Target":"/m","ReadOnly":true,"BindOptions":{"NonRecursive":true}}]}}`, world{})
	find := func(target string) mount.Mount {
		i := slices.IndexFunc(spec.Mounts, func(m mount.Mount) bool { return m.Target == target })
		require.GreaterOrEqual(t, i, 0, "nothing is mounted on %s", target)
		return spec.Mounts[i]
	}
	for target, options := range map[string]string{
		"/bound": "rbind rslave rro", "/m": "bind rprivate ro", "/data": "rbind rprivate", "/dev/shm": "nosuid nodev noexec size=1m exec",
	} {
		if got := strings.Join(find(target).Options, " "); got != options {
			t.Errorf("%s is mounted with %q, want %q", target, got, options)
		}
	}
	var order []string
	for _, m := range spec.Mounts {
		order = append(order, m.Target)
	}
	if slices.Index(order, "/data") > slices.Index(order, "/data/in") {
		t.Errorf("a mount must come after the one that it lies in: %q", order)
	}
	if n := strings.Count(strings.Join(order, " "), "/dev/shm"); n != 1 {
		t.Errorf("the user's /dev/shm must replace ours, there are %d", n)
	}
}

func TestSpecPrivileges(t *testing.T) {
	t.Parallel()
	spec := specOf(t, "", world{})
	if len(spec.Masked) == 0 || len(spec.ReadonlyPaths) == 0 || spec.Process.Capabilities != capability.Default() {
		t.Error("an ordinary container must have masked paths and Docker's capabilities")
	}
	open := specOf(t, `{"HostConfig":{"Privileged":true}}`, world{})
	if len(open.Masked) != 0 || open.Process.Capabilities != capability.All() {
		t.Error("a privileged container has no masks and all capabilities")
	}
	admin, err := capability.Parse([]string{"NET_ADMIN"})
	require.NoError(t, err)
	for changes, want := range map[string]capability.Set{
		`{"HostConfig":{"CapAdd":["NET_ADMIN"]}}`:                   capability.Default() | admin,
		`{"HostConfig":{"CapAdd":["NET_ADMIN"],"CapDrop":["ALL"]}}`: admin,
		`{"HostConfig":{"CapAdd":["all"],"CapDrop":["NET_ADMIN"]}}`: capability.All() &^ admin,
	} {
		if got := specOf(t, changes, world{}).Process.Capabilities; got != want {
			t.Errorf("%s: %v, want %v", changes, got, want)
		}
	}
}

func TestSpecProcess(t *testing.T) {
	t.Parallel()
	spec := specOf(t, `{"Tty":true,"User":"1:2","WorkingDir":"/w","Hostname":"h","HostConfig":{"ConsoleSize":[24,80],"OomScoreAdj":5,
		"GroupAdd":["audio"],"Ulimits":[{"Name":"nofile","Soft":10,"Hard":20}],"SecurityOpt":["no-new-privileges"]}}`, world{})
	p := spec.Process
	if !slices.Equal(p.Args, []string{"prog", "arg"}) || p.Dir != "/w" || p.User != "1:2" || !slices.Equal(p.Groups, []string{"audio"}) {
		t.Errorf("the process is %+v", p)
	}
	if !p.Terminal || p.Rows != 24 || p.Columns != 80 || !p.NoNewPrivileges || p.OOMScore == nil || *p.OOMScore != 5 {
		t.Errorf("the process is %+v", p)
	}
	if want := (sandbox.Rlimit{Type: 7, Soft: 10, Hard: 20}); len(p.Rlimits) != 1 || p.Rlimits[0] != want {
		t.Errorf("limits %v, want %v", p.Rlimits, want)
	}
	if spec.Hostname != "h" {
		t.Errorf("host name %q", spec.Hostname)
	}
	if _, err := json.Marshal(spec); err != nil {
		t.Errorf("a spec must survive JSON: %v", err)
	}
}

func TestBindSpellings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"/a:/b":           "bind //a → /b rw",
		"/a/:/b/:ro":      "bind //a → /b ro",
		"name:/b":         "volume name/ → /b rw",
		"name:/b:nocopy":  "volume name/ → /b rw",
		"/b":              "volume / → /b rw",
		"a:b:c:d":         "invalid volume specification: 'a:b:c:d'",
		"/a:/b:sometimes": "invalid mode: sometimes",
		"a b:/c":          "includes invalid characters for a local volume name",
	} {
		p, err := parseBind(text)
		if err != nil {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", text, err, want)
			}
			continue
		}
		access := map[bool]string{true: "rw", false: "ro"}[p.RW]
		if got := string(p.Type) + " " + p.Name + "/" + p.Source + " → " + p.Destination + " " + access; got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}

func TestMountTargets(t *testing.T) {
	t.Parallel()
	for changes, words := range map[string]string{
		`{"HostConfig":{"Binds":["/a:/b","/c:/b/"]}}`:                             "Duplicate mount point: /b",
		`{"HostConfig":{"Binds":["/a:/"]}}`:                                       "destination can't be '/'",
		`{"HostConfig":{"Binds":["/a:b"]}}`:                                       "mount path must be absolute",
		`{"HostConfig":{"Mounts":[{"Type":"bind","Target":"/a"}]}}`:               "field Source must not be empty",
		`{"HostConfig":{"Mounts":[{"Type":"image","Source":"i","Target":"/a"}]}}`: `mount type "image" is not supported`,
		`{"HostConfig":{"Mounts":[{"Type":"tmpfs"}]}}`:                            "field Target must not be empty",
	} {
		r := request(t, changes)
		if _, err := places(r.Config, r.HostConfig); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want …%s", changes, err, words)
		}
	}
}
