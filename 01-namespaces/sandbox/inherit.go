package sandbox

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/undo"
)

// An inheritance are the descriptors that a child takes from us.
type inheritance struct {
	fds     map[Inherited]int
	ours    int   // the other end of its control socket
	pid     int   // a PID namespace for the child to be born into, or -1
	unified int   // a directory of a v2 hierarchy to be born into, or -1
	pipes   []int // which of 0, 1 and 2 are pipes
}

// inherit opens what the child of a Spec will need and pushes onto way how to
// close it here, once the child has its copies. See open(2).
func inherit(s Spec, stdio Stdio, way *undo.Stack) (in *inheritance, err error) {
	in, err = inheritProcess(s.Process, stdio, way)
	if err != nil {
		return nil, err
	}
	for i, path := range s.Join {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			unix.Close(in.ours)
			return nil, fmt.Errorf("enter namespace %s: %w", path, err)
		}
		way.Push(func() { unix.Close(fd) })
		in.fds[joined(i)] = fd
		if isNamespace(path, namespace.PID) {
			in.pid = fd
		}
	}
	return in, nil
}

// inheritProcess opens what every child needs: the three standard
// descriptors, the control socket and the doors of its groups.
func inheritProcess(p Process, stdio Stdio, way *undo.Stack) (*inheritance, error) {
	in := &inheritance{fds: map[Inherited]int{}, pid: -1, unified: -1}
	if err := in.standard(stdio, way); err != nil {
		return nil, err
	}
	in.groups(p)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0) // see socketpair(2)
	if err != nil {
		return nil, fmt.Errorf("open a control socket: %w", err)
	}
	way.Push(func() { unix.Close(pair[1]) })
	in.ours = pair[0]
	in.fds[control] = pair[1]
	in.fds[belowControl], in.fds[aboveControl] = pair[1]-1, pair[1]+1
	return in, nil
}

// standard copies the three standard descriptors to numbers above 2, so that
// the child can put each in its place whatever numbers they have here. See
// F_DUPFD_CLOEXEC(2const).
func (in *inheritance) standard(stdio Stdio, way *undo.Stack) error {
	for i, f := range []*os.File{stdio.In, stdio.Out, stdio.Err} {
		fd, err := copyOrNull(f)
		if err != nil {
			return fmt.Errorf("standard descriptor %d: %w", i, err)
		}
		way.Push(func() { unix.Close(fd) })
		in.fds[[]Inherited{stdin, stdout, stderr}[i]] = fd
		var stat unix.Stat_t
		if unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFIFO {
			in.pipes = append(in.pipes, i)
		}
	}
	return nil
}

// copyOrNull copies a descriptor; nil is /dev/null. Fd would make the file
// blocking for its owner, so the copy is made beneath it. See fcntl(2).
func copyOrNull(f *os.File) (fd int, err error) {
	if f == nil {
		return unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	controlErr := raw.Control(func(old uintptr) {
		fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 3)
	})
	if controlErr != nil {
		return -1, controlErr
	}
	return fd, err
}

// groups finds the doors: files to write to, and the directory of a v2
// hierarchy, which the kernel itself puts a new child into. See cgroups(7).
func (in *inheritance) groups(p Process) {
	for i, f := range p.Group {
		if isDirectory(f) {
			in.unified = int(f.Fd())
			continue
		}
		in.fds[door(i)] = int(f.Fd())
	}
}

func isDirectory(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.IsDir()
}
