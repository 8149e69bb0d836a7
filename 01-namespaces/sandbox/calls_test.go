package sandbox

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/seccomp"
)

// full is a Spec that needs every kind of call.
func full(t *testing.T) Spec {
	door, err := os.Create(filepath.Join(t.TempDir(), "tasks"))
	require.NoError(t, err)
	t.Cleanup(func() { door.Close() })
	score := 100
	return Spec{
		Root:          mount.Mount{Type: "overlay", Source: "/layers", Options: []string{"lowerdir=a:b", "upperdir=u", "workdir=w"}},
		ReadOnly:      true,
		Mounts:        append(DefaultMounts(), mount.Mount{Type: "bind", Source: "/srv", Target: "/data", Options: []string{"rbind", "ro", "rprivate"}}),
		New:           everything,
		Hostname:      "ship",
		Domainname:    "sea",
		Masked:        []string{"/proc/kcore"},
		ReadonlyPaths: []string{"/proc/sys"},
		Devices:       []Device{{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229, Mode: 0o666, UID: 7}},
		Sysctls:       map[string]string{"net.ipv4.ip_forward": "1"},
		Process: Process{
			Args: []string{"/bin/sh"}, Dir: "/work", User: "1000:50", Capabilities: capability.Default(),
			Seccomp: seccomp.Program{{Code: 6, K: 0x7fff0000}}, OOMScore: &score, Terminal: true,
			Rlimits: []Rlimit{{Type: unix.RLIMIT_NOFILE, Soft: 10, Hard: 20}}, Group: []*os.File{door},
		},
	}
}

// texts are the calls in words.
func texts(calls []Call) []string {
	var list []string
	for _, c := range calls {
		list = append(list, c.Text)
	}
	return list
}

// at is where a call with this text stands, which must be there.
func at(t *testing.T, list []string, text string) int {
	t.Helper()
	i := slices.IndexFunc(list, func(s string) bool { return strings.HasPrefix(s, text) })
	require.GreaterOrEqual(t, i, 0, "no call %q in\n%s", text, strings.Join(list, "\n"))
	return i
}

func TestCallsComeInTheOnlyOrderThatWorks(t *testing.T) {
	calls, err := full(t).Calls()
	require.NoError(t, err)
	list := texts(calls)
	for _, c := range []struct{ first, then, why string }{
		{"hide from debuggers", "enter control group", "a neighbour could trace the copy of its parent"},
		{"enter control group", "unshare the cgroup namespace", "the namespace's root is the group that one is in"},
		{"enter control group", "close the parent's other descriptors", "the door is the parent's descriptor"},
		{"open /srv", "make all mounts slaves", "a shared source must still be the host's"},
		{"open /srv", "make it the root", "afterwards the host's tree is out of sight"},
		{`write "1" to /proc/sys/net`, "make it the root", "the image must not choose what /proc is"},
		{`write "100" to /proc/self/oom`, "make it the root", "the image must not choose what /proc is"},
		{"close the parent's other descriptors", "find /data", "a link of the image could name a descriptor"},
		{"let go of the host's tree", "mount proc on /proc", "no name may lead out of the root"},
		{"mount tmpfs on /dev", "make device /dev/null", "nodes belong into the container's own /dev"},
		{"mount proc on /proc", "cover /proc/kcore", "what is covered must be there"},
		{"mount /srv on /data", "find /dev/null", "a mount may bring the /dev that masks use"},
		{"tell the parent that all is built", "wait for the release", "the parent must know before it looks"},
		{"wait for the release", "make / read-only", "the working directory is made during the wait"},
		{"begin a session", "make the terminal the session's", "only a session leader can take a terminal"},
		{"set resource limit", "become user", "raising a limit takes a capability"},
		{"drop CAP_SYS_ADMIN", "become user", "dropping takes CAP_SETPCAP"},
		{"take groups", "become group", "it takes CAP_SETGID"},
		{"become group", "become user", "it takes CAP_SETGID"},
		{"keep capabilities past", "become user", "the change of user would take them"},
		{"become user", "install a filter", "the filter might forbid it"},
		{"install a filter", "keep none", "without no_new_privs it takes CAP_SYS_ADMIN"},
		{"close all other descriptors on execve", "exec /bin/sh", "nothing of ours may reach the program"},
		{"unblock signals", "exec /bin/sh", "the mask survives execve"},
	} {
		if at(t, list, c.first) >= at(t, list, c.then) {
			t.Errorf("%q must come before %q: %s", c.first, c.then, c.why)
		}
	}
	require.Equal(t, "execve", calls[len(calls)-1].Name, "execve ends the list")
}

func TestCallsCanBePrintedAndPerformed(t *testing.T) {
	calls, err := full(t).Calls()
	require.NoError(t, err)
	saved := map[string]bool{"release": true}
	for _, c := range calls {
		if numbers[c.Name] == 0 && c.Name != "read" {
			t.Errorf("%s has no number", c.Name)
		}
		if c.String() == "" || c.Page() != c.Name+"(2)" || !strings.HasPrefix(c.Syntax(), c.Name+"(") {
			t.Errorf("%s cannot be printed: %q %q", c.Name, c, c.Syntax())
		}
		if len(c.Args) > 6 {
			t.Errorf("%s: a system call has six arguments at most", c)
		}
		for _, arg := range c.Args {
			if r, ok := arg.(Result); ok && !saved[string(r)] {
				t.Errorf("%s needs the result %q before it is there", c, r)
			}
		}
		saved[c.Save] = true
	}
}

func TestSkipsStayInsideTheirOwnConcern(t *testing.T) {
	calls := full(t).masks()
	for i, c := range calls {
		if i+c.Skip >= len(calls) && c.Skip > 0 && i+c.Skip != len(calls)-1 {
			t.Errorf("%s skips past the end of the masks", c)
		}
	}
	found, entered, covered := calls[1], calls[2], calls[3]
	if found.When != unix.ENOENT || found.Skip != 4 {
		t.Error("what is not there needs no mask: skip all of it")
	}
	if entered.When != unix.ENOTDIR || entered.Skip != 1 {
		t.Error("a file cannot be covered by a directory")
	}
	if covered.When != 0 || covered.Skip != 2 {
		t.Error("a directory that is covered needs no /dev/null on top")
	}
}

func TestCallsWithoutMountNamespaceTouchNoFile(t *testing.T) {
	calls, err := Spec{New: namespace.PID, Process: Process{Args: []string{"true"}}}.Calls()
	require.NoError(t, err)
	for _, c := range calls {
		if slices.Contains([]string{"mount", "move_mount", "pivot_root", "mkdirat", "mknodat"}, c.Name) {
			t.Errorf("%s would change the tree of the host", c)
		}
	}
}

func TestCallsOfEnter(t *testing.T) {
	calls, err := full(t).Process.EnterCalls()
	require.NoError(t, err)
	list := texts(calls)
	if at(t, list, "hide from debuggers") > at(t, list, "enter the namespaces") {
		t.Error("whoever enters must be hidden before: CVE-2016-9962")
	}
	if at(t, list, "enter control group") > at(t, list, "enter the namespaces") {
		t.Error("the groups must be entered before, or memory is charged to nobody")
	}
	if at(t, list, "close the parent's other") > at(t, list, "exec /bin/sh") {
		t.Error("descriptors must be closed before execve")
	}
}

func TestSpecsThatCannotWork(t *testing.T) {
	ok := Spec{New: namespace.Mount, Root: mount.Mount{Type: "bind", Source: "/x"}, Process: Process{Args: []string{"a"}}}
	for _, c := range []struct {
		want   string
		change func(*Spec)
	}{
		{"no command specified", func(s *Spec) { s.Process.Args = nil }},
		{"needs to be an absolute path", func(s *Spec) { s.Process.Dir = "work" }},
		{"need a new mount namespace", func(s *Spec) { s.New = 0 }},
		{"not an absolute path", func(s *Spec) { s.Root.Source = "x" }},
		{"new UTS namespace", func(s *Spec) { s.Hostname = "x" }},
		{"longer than 64", func(s *Spec) { s.New |= namespace.UTS; s.Hostname = strings.Repeat("x", 65) }},
		{"cannot share a tree", func(s *Spec) { s.Join = []string{"/proc/1/ns/mnt"} }},
		{"absolute path below /", func(s *Spec) { s.Mounts = []mount.Mount{{Type: "tmpfs", Target: "tmp"}} }},
		{"absolute path below /", func(s *Spec) { s.Mounts = []mount.Mount{{Type: "tmpfs", Target: "/."}} }},
		{"needs an absolute path", func(s *Spec) { s.Devices = []Device{{Path: "fuse", Type: "c"}} }},
		{"needs an absolute path", func(s *Spec) { s.Devices = []Device{{Path: "../../dev/sda", Type: "b"}} }},
		{"type b or c", func(s *Spec) { s.Devices = []Device{{Path: "/dev/x", Type: "p"}} }},
		{"unknown option", func(s *Spec) {
			s.Mounts = []mount.Mount{{Type: "bind", Source: "/", Target: "/a", Options: []string{"size=1"}}}
		}},
		{"needs a net namespace", func(s *Spec) { s.Sysctls = map[string]string{"net.ipv4.ip_forward": "1"} }},
		{"not in a separate kernel namespace", func(s *Spec) { s.Sysctls = map[string]string{"kernel.core_pattern": "|/x"} }},
		{"single dots", func(s *Spec) { s.Sysctls = map[string]string{"net.../../kernel/core_pattern": "|/x"} }},
	} {
		s := ok
		c.change(&s)
		_, err := s.Calls()
		require.Error(t, err, c.want)
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("the error says %q, want %q", err, c.want)
		}
	}
}

func TestUserNamespaceUsesTheHostsDevices(t *testing.T) {
	s := full(t)
	s.New |= namespace.User
	calls, err := s.Calls()
	require.NoError(t, err)
	list := texts(calls)
	for _, text := range list {
		if strings.HasPrefix(text, "make device") {
			t.Errorf("%s: mknod is refused in a user namespace", text)
		}
	}
	if at(t, list, "wait for the id maps") > at(t, list, "become user 0 of the user namespace") {
		t.Error("before the maps are written nobody can become root")
	}
	if at(t, list, "make a new proc") > at(t, list, "make it the root") {
		t.Error("a user namespace gets a proc only while it sees one")
	}
	for _, c := range calls {
		if c.Name == "mount" && strings.Contains(c.Syntax(), "gid=5") {
			t.Errorf("%s: group 5 is not mapped", c.Syntax())
		}
	}
}

func TestLastDeviceOfAPathWins(t *testing.T) {
	mine := Device{Path: "/dev/./null", Type: "c", Major: 1, Minor: 7, Mode: 0o600}
	nodes := Spec{Mounts: DefaultMounts(), Devices: []Device{{Path: "/dev/null", Type: "b"}, mine}}.nodes()
	mine.Path = "/dev/null"
	found := slices.DeleteFunc(nodes, func(d Device) bool { return d.Path != mine.Path })
	require.Equal(t, []Device{mine}, found, "and it is there once, or mknod would keep the first")
	require.Empty(t, Spec{}.nodes(), "without a /dev of its own none is made")
}

func TestWhoseTheStandardDescriptorsAre(t *testing.T) {
	alice, pipes := program{user: identity{uid: 1000}}, []int{1, 2}
	for _, c := range []struct {
		p    Process
		as   program
		want []int
		why  string
	}{
		{Process{}, program{}, nil, "root may open anything again"},
		{Process{Terminal: true}, program{}, nil, "root may open anything again"},
		{Process{Terminal: true}, alice, []int{0}, "the terminal is one file"},
		{Process{}, alice, pipes, "a file of the caller's stays the caller's, a pipe becomes hers"},
	} {
		if got := chown(c.p, c.as, pipes); !slices.Equal(got, c.want) {
			t.Errorf("%v change owner, want %v: %s", got, c.want, c.why)
		}
	}
}
