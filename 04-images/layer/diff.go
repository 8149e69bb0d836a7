package layer

import (
	"archive/tar"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"drydock/03-overlayfs/overlay"
)

// Diff writes what the directory upper of an overlay holds as the tar of a
// layer: whiteouts get their names back, sockets are left out, names are
// sorted, so that the same tree always gives the same bytes. It answers the
// size of the files.
func Diff(w io.Writer, upper *os.File) (int64, error) {
	p := newPacker(w)
	p.whiteouts = true
	if err := p.children(int(upper.Fd()), ""); err != nil {
		return 0, err
	}
	return p.size, p.tar.Close()
}

// Pack writes what name is below root, with all in it, as a plain tar. name
// is resolved inside root, also when somebody moves links around meanwhile;
// the last part is not followed. The entries are called as.
func Pack(w io.Writer, root *os.File, name, as string) error {
	name, err := clean(path.Join("/", name))
	if err != nil {
		return err
	}
	where, base := split(name)
	if base == "" {
		base = "."
	}
	dir, err := openIn(int(root.Fd()), where, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return fmt.Errorf("open %q: %w", where, err)
	}
	defer unix.Close(dir)
	p := newPacker(w)
	if err := p.entry(dir, base, as); err != nil {
		return err
	}
	return p.tar.Close()
}

// A packer writes one tar.
type packer struct {
	tar       *tar.Writer
	whiteouts bool             // the tree is the upper directory of an overlay
	links     map[inode]string // files with several names, by their first
	size      int64            // of the files so far
	buf       []byte
}

func newPacker(w io.Writer) *packer {
	return &packer{tar: tar.NewWriter(w), links: map[inode]string{}, buf: make([]byte, 256<<10)}
}

// children writes everything in an open directory. See openat(2).
func (p *packer) children(fd int, name string) error {
	again, err := unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open directory %q: %w", name, err)
	}
	dir := os.NewFile(uintptr(again), name)
	names, err := dir.Readdirnames(-1)
	dir.Close()
	if err != nil {
		return fmt.Errorf("read directory %q: %w", name, err)
	}
	slices.Sort(names)
	for _, base := range names {
		if p.whiteouts && strings.HasPrefix(base, whiteout) {
			return fmt.Errorf("%q: a layer cannot hold a file whose name begins with %s", path.Join(name, base), whiteout)
		}
		if err := p.entry(fd, base, path.Join(name, base)); err != nil {
			return err
		}
	}
	return nil
}

// entry writes one name, and what is below it. A name that vanished since it
// was listed is passed over. See open(2) on O_PATH.
func (p *packer) entry(dir int, base, name string) error {
	n, err := look(dir, base)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open %q: %w", name, err)
	}
	defer n.close()
	if p.whiteouts && overlay.IsWhiteout(&n.stat) {
		where, base := path.Split(name)
		return p.mark(where+whiteout+base, n)
	}
	h, err := p.header(n, name)
	if err != nil || h == nil {
		return err
	}
	if err := p.tar.WriteHeader(h); err != nil {
		return fmt.Errorf("write %q: %w", name, err)
	}
	switch h.Typeflag {
	case tar.TypeReg:
		return p.content(n, h)
	case tar.TypeDir:
		if p.whiteouts && isOpaque(n.fd) {
			if err := p.mark(path.Join(name, opaque), n); err != nil {
				return err
			}
		}
		return p.children(n.fd, name)
	}
	return nil
}

// mark writes an empty file whose name is the message.
func (p *packer) mark(name string, n node) error {
	return p.tar.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: 0o600,
		ModTime: time.Unix(n.stat.Mtim.Sec, 0), Format: tar.FormatPAX,
	})
}

// header describes a file; nil is one that no tar can hold. See inode(7).
func (p *packer) header(n node, name string) (*tar.Header, error) {
	h := &tar.Header{
		Name: name, Mode: int64(n.stat.Mode & 0o7777), Uid: int(n.stat.Uid), Gid: int(n.stat.Gid),
		ModTime: time.Unix(n.stat.Mtim.Sec, n.stat.Mtim.Nsec), Format: tar.FormatPAX,
	}
	switch n.stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		h.Typeflag, h.Size = tar.TypeReg, n.stat.Size
	case unix.S_IFDIR:
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
	case unix.S_IFLNK:
		target, err := readlink(n.fd, "")
		if err != nil {
			return nil, fmt.Errorf("read link %q: %w", name, err)
		}
		h.Typeflag, h.Linkname = tar.TypeSymlink, target
	case unix.S_IFCHR, unix.S_IFBLK:
		h.Typeflag = tar.TypeChar
		if n.stat.Mode&unix.S_IFMT == unix.S_IFBLK {
			h.Typeflag = tar.TypeBlock
		}
		h.Devmajor, h.Devminor = int64(unix.Major(n.stat.Rdev)), int64(unix.Minor(n.stat.Rdev))
	case unix.S_IFIFO:
		h.Typeflag = tar.TypeFifo
	default:
		return nil, nil // a socket belongs to a running program
	}
	if p.linked(n, h, name) {
		return h, nil
	}
	return h, p.attributes(n, h)
}

// linked turns the second name of a file into a hard link to the first.
func (p *packer) linked(n node, h *tar.Header, name string) bool {
	if n.stat.Nlink < 2 || h.Typeflag == tar.TypeDir {
		return false
	}
	key := inode{n.stat.Dev, n.stat.Ino}
	first, ok := p.links[key]
	if !ok {
		p.links[key] = name
		return false
	}
	h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
	return true
}

// attributes adds the extended attributes, without those of overlayfs.
func (p *packer) attributes(n node, h *tar.Header) error {
	all, err := readAttributes(fmt.Sprintf("/proc/self/fd/%d", n.fd))
	if err != nil {
		return fmt.Errorf("read attributes of %q: %w", h.Name, err)
	}
	for key, value := range all {
		if h.PAXRecords == nil {
			h.PAXRecords = map[string]string{}
		}
		h.PAXRecords[attributePrefix+key] = value
	}
	return nil
}

// content writes a file of the size in its header, also when somebody writes
// to it meanwhile: what is missing then is zeros.
func (p *packer) content(n node, h *tar.Header) error {
	if h.Size == 0 {
		return nil
	}
	p.size += h.Size
	f, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", n.fd))
	if err != nil {
		return fmt.Errorf("open %q: %w", h.Name, err)
	}
	defer f.Close()
	written, err := io.CopyBuffer(onlyWriter{p.tar}, onlyReader{io.LimitReader(f, h.Size)}, p.buf)
	if err == nil && written < h.Size {
		_, err = io.CopyN(p.tar, endless{}, h.Size-written)
	}
	if err != nil {
		return fmt.Errorf("read %q: %w", h.Name, err)
	}
	return nil
}

// onlyReader and onlyWriter hide what would make io.CopyBuffer choose a
// buffer of its own.
type (
	onlyReader struct{ io.Reader }
	onlyWriter struct{ io.Writer }
)

// endless reads as zeros.
type endless struct{}

// Read implements io.Reader.
func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
