package sandbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/sandboxtest"
)

// replace puts a link in the place of a file of the image.
func replace(t *testing.T, s Spec, name, target string) {
	t.Helper()
	path := filepath.Join(s.Root.Source, name)
	require.NoError(t, os.RemoveAll(path))
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.Symlink(target, path))
}

// canary is a directory of the host that must stay empty.
func canary(t *testing.T) (dir string, check func()) {
	t.Helper()
	dir = t.TempDir()
	return dir, func() {
		t.Helper()
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, entries, "the host's directory was written to")
	}
}

func TestMountTargetsThatAreLinksStayInside(t *testing.T) { // CVE-2021-30465
	sandboxtest.NeedRoot(t)
	dir, untouched := canary(t)
	for _, target := range []string{dir, "../../../../../../../.." + dir} {
		s := docker(t, "facts")
		require.NoError(t, os.MkdirAll(filepath.Join(s.Root.Source, dir), 0o755))
		replace(t, s, "data", target)
		s.Mounts = append(s.Mounts,
			mount.Mount{Type: "tmpfs", Source: "tmpfs", Target: "/data/sub/tmp"},
			mount.Mount{Type: "bind", Source: "/proc/version", Target: "/data/file"})
		_, exit := run(t, s)
		require.Zero(t, exit.Code)
		untouched()
		require.DirExists(t, filepath.Join(s.Root.Source, dir, "sub/tmp"), "the link was followed inside the root")
	}
}

func TestLinkToNothingIsFollowedInside(t *testing.T) {
	sandboxtest.NeedRoot(t)
	s := docker(t, "cat", "/etc/resolv.conf")
	replace(t, s, "etc/resolv.conf", "../run/stub.conf")
	require.NoError(t, os.Mkdir(filepath.Join(s.Root.Source, "run"), 0o755))
	conf := filepath.Join(t.TempDir(), "conf")
	require.NoError(t, os.WriteFile(conf, []byte("nameserver"), 0o644))
	s.Mounts = append(s.Mounts, mount.Mount{Type: "bind", Source: conf, Target: "/etc/resolv.conf"})
	out, _ := run(t, s)
	require.Equal(t, "nameserver", out)
}

func TestProcMustBeWhereItSays(t *testing.T) { // CVE-2023-27561
	sandboxtest.NeedRoot(t)
	for _, name := range []string{"proc", "sys"} {
		s := docker(t, "true")
		replace(t, s, name, "/tmp")
		if err := refusal(t, s); !strings.Contains(err.Error(), "find /"+name) {
			t.Errorf("a link in the place of /%s: %v", name, err)
		}
	}
}

func TestDevicesOfTheImageAreNotUsed(t *testing.T) { // CVE-2025-31133, CVE-2025-52565
	sandboxtest.NeedRoot(t)
	s := docker(t, "tryopen", "/proc/keys", "/dev/null")
	replace(t, s, "dev/null", "/proc/sys/kernel/core_pattern")
	replace(t, s, "dev/pts", "/tmp")
	replace(t, s, "dev/console", "/etc/passwd")
	s.Process.Terminal = false
	out, _ := run(t, s)
	require.Equal(t, "/proc/keys EOF\n/dev/null EOF\n", out)
}

func TestVolumeInPlaceOfDevCannotUnmask(t *testing.T) { // CVE-2025-31133
	sandboxtest.NeedRoot(t)
	volume := t.TempDir()
	require.NoError(t, os.Symlink("/proc/sys/kernel/core_pattern", filepath.Join(volume, "null")))
	s := docker(t, "true")
	s.Mounts = []mount.Mount{s.Mounts[0], {Type: "bind", Source: volume, Target: "/dev"}}
	err := refusal(t, s)
	require.ErrorIs(t, err, unix.ELOOP)
}

func TestDevThatIsALinkDoesNotReachTheHost(t *testing.T) {
	sandboxtest.NeedRoot(t)
	dir, untouched := canary(t)
	s := docker(t, "true")
	replace(t, s, "dev", dir)
	box, err := Spawn(s, Stdio{})
	require.NoError(t, err)
	box.Release() // whether it starts does not matter
	box.Close()
	untouched()
}

func TestEntrypointThatIsTheRuntime(t *testing.T) { // CVE-2019-5736
	sandboxtest.NeedRoot(t)
	s := docker(t, "evil")
	replace(t, s, "bin/evil", "/proc/self/exe")
	require.ErrorContains(t, refusal(t, s), `exec: "evil"`)
	box := sleeper(t, docker(t, "sleep", "60"))
	_, err := Enter(box.Pid(), Process{Args: []string{"/proc/1/exe"}}, Stdio{})
	require.ErrorIs(t, err, unix.ELOOP, "the links of /proc lead out")
}

func TestUserNamedLikeANumber(t *testing.T) { // CVE-2016-3697
	sandboxtest.NeedRoot(t)
	s := docker(t, "facts")
	passwd := filepath.Join(s.Root.Source, "etc/passwd")
	require.NoError(t, os.WriteFile(passwd, []byte("1000:x:0:0::/:/bin/sh\n"), 0o644))
	s.Process.User = "1000"
	out, _ := run(t, s)
	has(t, out, "id 1000 0 []", "a number is never a name")
}

func TestInheritableSetIsEmpty(t *testing.T) { // CVE-2022-24769
	sandboxtest.NeedRoot(t)
	s := docker(t, "facts")
	s.Process.Capabilities = capability.All()
	out, _ := run(t, s)
	has(t, out, "CapInh:\t0000000000000000", "even with all capabilities")
	box := sleeper(t, docker(t, "sleep", "60"))
	out, _ = enter(t, box, Process{Args: []string{"/bin/facts"}, Capabilities: capability.All()})
	has(t, out, "CapInh:\t0000000000000000", "nor by exec")
}

func TestReadingTheSysctlFileIsNotFooled(t *testing.T) { // CVE-2025-52881
	sandboxtest.NeedRoot(t)
	s := docker(t, "true")
	fake := t.TempDir()
	file := filepath.Join(fake, "sys/net/ipv4/ip_unprivileged_port_start")
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, []byte("untouched"), 0o644))
	s.Mounts = []mount.Mount{{Type: "bind", Source: fake, Target: "/proc"}}
	s.Masked, s.ReadonlyPaths = nil, nil
	s.Sysctls = map[string]string{"net.ipv4.ip_unprivileged_port_start": "5"}
	_, exit := run(t, s)
	require.Zero(t, exit.Code)
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "untouched", string(b), "the write went to the kernel's /proc, not to what lies there")
}
