package daemon

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/07-daemon/stdio"
)

// descriptors prints the numbers of its open descriptors. It looks before it
// opens anything, and asks the kernel for each: see fcntl(2), F_GETFD.
func descriptors() int {
	var open []string
	for fd := range 4096 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			open = append(open, strconv.Itoa(fd))
		}
	}
	fmt.Println(strings.Join(open, " "))
	return 0
}

// mountGroups tries to mount a hierarchy of groups, whose release_agent would
// run on the host: CVE-2022-0492.
func mountGroups() int {
	for _, kind := range []string{"cgroup", "cgroup2"} {
		err := unix.Mount("none", "/tmp", kind, 0, "")
		fmt.Println(kind, err)
		if err == nil {
			return 0
		}
	}
	return 1
}

// image is the root file system of every container of the fleet.
func (f fleet) image() string { return string(f.config.Snapshots.(tree)) }

// both runs a command as a container of its own and as an exec in another,
// and returns what each wrote and how it ended.
func (f fleet) both(changes string, args ...string) map[string]string {
	f.t.Helper()
	said := map[string]string{}
	id, err := f.try(changes, args...)
	if err != nil {
		said["run"] = "refused: " + err.Error()
	} else {
		said["run"] = fmt.Sprintf("%d: %s", f.code(id), f.output(id))
	}
	host := f.run("", "", "sleep", "100")
	f.ready(host)
	var q container.ExecCreateRequest
	if changes != "" {
		require.NoError(f.t, json.Unmarshal([]byte(changes), &q))
	}
	q.Cmd, q.AttachStdout, q.AttachStderr = args, true, true
	said["exec"] = f.execOutput(host, q)
	require.NoError(f.t, f.Remove(background, host, RemoveOptions{Force: true}))
	return said
}

func (f fleet) try(changes string, args ...string) (string, error) {
	answer, err := f.Create(background, "", request(f.t, changes, args...))
	if err != nil {
		return "", err
	}
	return answer.ID, f.Start(background, answer.ID)
}

// execOutput is what an exec writes, after its code.
func (f fleet) execOutput(id string, q container.ExecCreateRequest) string {
	f.t.Helper()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	require.NoError(f.t, err)
	ours := os.NewFile(uintptr(pair[0]), "ours")
	defer ours.Close()
	e, err := f.ExecCreate(id, q)
	require.NoError(f.t, err)
	if err := f.ExecStart(background, e, container.ExecStartRequest{}, os.NewFile(uintptr(pair[1]), "theirs")); err != nil {
		return "refused: " + err.Error()
	}
	var out bytes.Buffer
	if q.Tty {
		_, err = out.ReadFrom(ours)
	} else {
		err = stdio.Split(&out, &out, ours)
	}
	require.NoError(f.t, err)
	now, err := f.ExecInspect(e)
	require.NoError(f.t, err)
	return fmt.Sprintf("%d: %s", *now.ExitCode, out.String())
}

// canary is a directory of the host with a secret in it.
func canary(t *testing.T) string {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("of the host"), 0o644))
	return dir
}

func untouched(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(dir, "secret"))
	if err != nil || len(entries) != 1 || string(text) != "of the host" {
		t.Errorf("the directory of the host holds %v, the secret %q, %v", entries, text, err)
	}
}

// CVE-2024-21626: a descriptor of the runtime that points into the host is
// taken as the working directory.
func TestWorkingDirThroughALeakedDescriptor(t *testing.T) {
	f := launchDaemon(t)
	climb := strings.Repeat("../", 12) + canary(t)[1:] + "/secret"
	for n := 3; n <= 20; n++ {
		for how, said := range f.both(fmt.Sprintf(`{"WorkingDir":"/proc/self/fd/%d"}`, n), "cat", climb) {
			if strings.HasPrefix(said, "0:") || strings.Contains(said, "of the host") {
				t.Errorf("%s in /proc/self/fd/%d: %s", how, n, said)
			}
		}
	}
}

// What the runtime has open is nothing to the program: only the three that
// every program has.
func TestOnlyStandardDescriptors(t *testing.T) {
	f := launchDaemon(t)
	for _, changes := range []string{"", `{"Tty":true}`, `{"HostConfig":{"Privileged":true},"Privileged":true}`} {
		for how, said := range f.both(changes, "descriptors") {
			if strings.TrimSpace(said) != "0: 0 1 2" {
				t.Errorf("%s with %s has the descriptors %q", how, changes, said)
			}
		}
	}
}

// CVE-2016-3697: a user of digits is that number, whatever the image's passwd
// calls so.
func TestUserOfDigitsIsANumber(t *testing.T) {
	f := launchDaemon(t)
	require.NoError(t, os.WriteFile(filepath.Join(f.image(), "etc/passwd"), []byte("1000:x:0:0::/root:/bin/sh\nroot:x:0:0::/:/bin/sh\n"), 0o644))
	for how, said := range f.both(`{"User":"1000"}`, "cat", "/proc/self/status") {
		if !strings.Contains(said, "Uid:\t1000\t1000\t1000\t1000\n") {
			t.Errorf("%s as user 1000: %s", how, said)
		}
	}
}

// CVE-2022-24769: inheritable capabilities let files in the image raise them.
func TestNothingIsInheritable(t *testing.T) {
	f := launchDaemon(t)
	for _, changes := range []string{"", `{"HostConfig":{"CapAdd":["SYS_PTRACE"]}}`, `{"HostConfig":{"Privileged":true},"Privileged":true}`} {
		for how, said := range f.both(changes, "cat", "/proc/self/status") {
			for _, set := range []string{"CapInh", "CapAmb"} {
				if !strings.Contains(said, set+":\t0000000000000000\n") {
					t.Errorf("%s with %s: %s is not empty:\n%s", how, changes, set, said)
				}
			}
		}
	}
}

// CVE-2025-31133 and CVE-2025-52565: the image puts links where the runtime
// finds the devices that it masks files with and makes the console of.
func TestDevicesThatAreLinksInTheImage(t *testing.T) {
	const pattern = "/proc/sys/kernel/core_pattern"
	before, err := os.ReadFile(pattern)
	require.NoError(t, err)
	dir := canary(t)
	for _, link := range []struct{ name, to string }{
		{"dev/null", pattern}, {"dev/console", filepath.Join(dir, "secret")}, {"dev/pts", dir}, {"dev/shm", dir}, {"dev", dir},
	} {
		f := launchDaemon(t)
		path := filepath.Join(f.image(), link.name)
		require.NoError(t, os.RemoveAll(path))
		require.NoError(t, os.Symlink(link.to, path))
		for _, changes := range []string{"", `{"Tty":true}`} {
			id, err := f.try(changes, "touch", "/proc/timer_list")
			if err == nil {
				f.code(id)
			}
			if id, err = f.try(changes, "touch", "/dev/console"); err == nil {
				f.code(id)
			}
			if id, err = f.try(changes, "cat", "/proc/keys"); err == nil && f.code(id) == 0 && f.output(id) != "" {
				t.Errorf("%s is %s: a masked file says %q", link.name, link.to, f.output(id))
			}
		}
		after, err := os.ReadFile(pattern)
		require.NoError(t, err)
		if string(after) != string(before) {
			t.Errorf("%s is %s: core_pattern was changed to %q", link.name, link.to, after)
		}
		untouched(t, dir)
	}
}

// CVE-2022-0492: who may write to a hierarchy of groups is root of the host.
func TestGroupsAreOutOfReach(t *testing.T) {
	f := launchDaemon(t)
	for _, args := range [][]string{
		{"touch", "/sys/fs/cgroup/x"}, {"touch", "/sys/fs/cgroup/cgroup.procs"}, {"touch", "/sys/fs/cgroup/release_agent"},
		{"touch", "/proc/sys/kernel/core_pattern"}, {"touch", "/proc/sysrq-trigger"}, {"mountgroups"},
	} {
		for how, said := range f.both("", args...) {
			if strings.HasPrefix(said, "0:") {
				t.Errorf("%s of %v succeeds: %s", how, args, said)
			}
		}
	}
}

// A mount whose target goes through a link of the image stays in the image's
// root: nothing is made on the host.
func TestMountThroughALinkStaysInside(t *testing.T) {
	f := launchDaemon(t)
	dir, source := canary(t), t.TempDir()
	require.NoError(t, os.Symlink(dir, filepath.Join(f.image(), "link")))
	require.NoError(t, os.Symlink("../../../../../../.."+dir, filepath.Join(f.image(), "climb")))
	for _, target := range []string{"/link", "/link/deep/er", "/climb/deep", "/tmp/../link/x"} {
		id, err := f.try(fmt.Sprintf(`{"HostConfig":{"Binds":["%s:%s"]}}`, source, target), "touch", target+"/file")
		if err == nil && f.code(id) == 0 {
			if _, err := os.Stat(filepath.Join(source, "file")); err != nil {
				t.Errorf("%s: what was written is not in the source: %v", target, err)
			}
		}
		os.Remove(filepath.Join(source, "file"))
		if id, err = f.try(fmt.Sprintf(`{"HostConfig":{"Tmpfs":{"%s":""}}}`, target), "touch", target+"/file"); err == nil {
			f.code(id)
		}
		untouched(t, dir)
	}
}

// Who shares a container's network reaches what listens on its loopback.
func TestSharedNetworkHasOneLoopback(t *testing.T) {
	f := cabledDaemon(t)
	web := f.run("web", `{"HostConfig":{"NetworkMode":"bridge"}}`, "httpd", "within")
	f.ready(web)
	if out, code := f.fetches("container:web", "http://127.0.0.1"); code != 0 || out != "within" {
		t.Errorf("on the shared loopback: %q, %d", out, code)
	}
	require.NoError(t, f.Remove(background, web, RemoveOptions{Force: true}))
	_, err := f.try(`{"HostConfig":{"NetworkMode":"container:web"}}`, "true")
	if err == nil || err.Error() != "No such container: web" {
		t.Errorf("a network of nobody: %v", err)
	}
}
