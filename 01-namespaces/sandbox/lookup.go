package sandbox

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/namespace"
)

// A lookup answers, from outside, what only the files of a container can
// tell: who "www-data" is and where "nginx" lies.
type lookup struct {
	root int // its root directory
}

// openRoot takes hold of the root of a process. See proc_pid_root(5).
func openRoot(pid int) (lookup, error) {
	root, err := unix.Open(fmt.Sprintf("/proc/%d/root", pid), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return lookup{}, fmt.Errorf("open the root of process %d: %w", pid, err)
	}
	return lookup{root}, nil
}

// close lets go of the root. See close(2).
func (l lookup) close() { unix.Close(l.root) }

// open opens a name as the container would find it, and never leaves it.
func (l lookup) open(name string, flags int) (int, error) {
	return mount.OpenIn(l.root, name, unix.OpenHow{Flags: uint64(flags)})
}

// program resolves all that a Process leaves open.
func (l lookup) program(p Process) (program, error) {
	u, err := l.user(p.User, p.Groups)
	if err != nil {
		return program{}, err
	}
	as := p.unresolved()
	as.user = u
	as.env = withHome(p.Env, u.home)
	as.path, err = l.find(p.Args[0], as.dir, p.Env)
	return as, err
}

// withHome adds HOME where the environment has none, as login(1) would.
func withHome(env []string, home string) []string {
	for _, e := range env {
		if strings.HasPrefix(e, "HOME=") && e != "HOME=" {
			return env
		}
	}
	return append(append(make([]string, 0, len(env)+1), env...), "HOME="+home)
}

// defaultPath is searched when the environment has no PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// find is where the program lies: a name with a slash is itself, another is
// looked up in PATH. The errors have the words of os/exec, which users of
// containers know.
func (l lookup) find(name, dir string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, l.executable(name, absolute(dir, name))
	}
	for _, d := range strings.Split(searchPath(env), ":") {
		file := absolute(dir, path.Join(d, name))
		if l.executable(name, file) == nil {
			return file, nil
		}
	}
	return "", notFound(fmt.Sprintf("exec: %q: executable file not found in $PATH", name))
}

// searchPath is the last PATH of an environment.
func searchPath(env []string) string {
	found := defaultPath
	for _, e := range env {
		if value, ok := strings.CutPrefix(e, "PATH="); ok {
			found = value
		}
	}
	return found
}

// absolute is name as seen from the working directory.
func absolute(dir, name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return path.Join("/", dir, name)
}

// executable says why the file cannot be executed. See stat(2).
func (l lookup) executable(name, file string) error {
	fd, err := l.open(file, unix.O_PATH)
	if err != nil {
		return fmt.Errorf("exec: %q: stat %s: %w", name, file, err)
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	err = unix.Fstat(fd, &stat)
	switch {
	case err != nil:
	case stat.Mode&unix.S_IFMT == unix.S_IFDIR:
		err = unix.EISDIR
	case stat.Mode&0o111 == 0:
		err = unix.EACCES
	}
	if err != nil {
		return fmt.Errorf("exec: %q: %w", name, err)
	}
	return nil
}

// A notFound reads as a sentence and is fs.ErrNotExist to errors.Is.
type notFound string

func (e notFound) Error() string        { return string(e) }
func (e notFound) Is(target error) bool { return target == fs.ErrNotExist }

// maxAccounts is how much of /etc/passwd we are willing to read: it is the
// image's file, and the image may be hostile.
const maxAccounts = 4 << 20

// read reads a small regular file of the container; one that is missing is
// empty. A fifo or a device in its place is not even opened for reading. See
// open(2).
func (l lookup) read(name string) (string, error) {
	fd, err := l.open(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err == unix.ENOENT || err == unix.ENOTDIR {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("open %s of the container: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s of the container is no regular file", name)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxAccounts+1))
	if err == nil && len(b) > maxAccounts {
		err = fmt.Errorf("%s of the container is larger than %d bytes", name, maxAccounts)
	}
	return string(b), err
}

// makeDir makes the working directory where it is missing, owned by the root
// of the container, like Docker does. See mkdir(2).
func (l lookup) makeDir(dir string, s Spec) error {
	if s.New&namespace.Mount == 0 {
		return nil // it is the host's tree: nothing is ours to make
	}
	as := mount.Node{Dir: true, UID: outside(s.UIDs), GID: outside(s.GIDs)}
	fd, err := mount.CreateIn(l.root, dir, as)
	if err != nil {
		return fmt.Errorf("make working directory %s: %w", dir, err)
	}
	return unix.Close(fd)
}

// outside is what id 0 of the container is out here, or -1 for "as it is".
func outside(maps []IDMap) int {
	for _, m := range maps {
		if m.Inside == 0 && m.Count > 0 {
			return int(m.Outside)
		}
	}
	return -1
}
