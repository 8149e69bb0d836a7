package builder

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A packer writes the tar of one layer: files from somewhere, under the names
// that they shall have. All its names are free of links in the tree below.
type packer struct {
	tar   *tar.Writer
	below tree // the tree that the layer stands on
	// owner and mode replace what the files have, unless nil.
	owner *owner
	mode  *int64
	// excludes says whether a source is left out, and prune whether all below
	// it is, too.
	excludes func(name string) (out, prune bool, err error)
	made     map[string]bool // directories that are in the tar
}

func newPacker(w io.Writer, below tree) *packer {
	return &packer{tar: tar.NewWriter(w), below: below, made: map[string]bool{}}
}

// whiteout begins the names by which a layer deletes.
const whiteout = ".wh."

// put writes name of root, with all in it, as dest. source is what the
// context calls it.
func (p *packer) put(root *os.Root, name, source, dest string) error {
	prune := false
	if p.excludes != nil {
		var out bool
		var err error
		if out, prune, err = p.excludes(source); err != nil || out && prune {
			return err
		}
		prune = out // hidden itself, though something below it may not be
	}
	info, err := root.Lstat(name)
	if err != nil {
		return err
	}
	if !info.IsDir() && prune || info.Mode()&fs.ModeSocket != 0 {
		return nil
	}
	if strings.HasPrefix(path.Base(dest), whiteout) {
		return refuse("%s: a layer cannot hold a file whose name begins with %s", source, whiteout)
	}
	if !info.IsDir() {
		return p.file(root, name, dest, info)
	}
	if !prune {
		if err := p.directory(dest, header(info)); err != nil {
			return err
		}
	}
	return p.children(root, name, source, dest)
}

// children writes what is in a directory, sorted, so that the same files
// always give the same bytes.
func (p *packer) children(root *os.Root, name, source, dest string) error {
	dir, err := root.Open(name)
	if err != nil {
		return err
	}
	names, err := dir.Readdirnames(-1)
	dir.Close()
	if err != nil {
		return err
	}
	slices.Sort(names)
	for _, child := range names {
		if err := p.put(root, path.Join(name, child), path.Join(source, child), path.Join(dest, child)); err != nil {
			return err
		}
	}
	return nil
}

// directory writes a directory, unless it is there already: that one keeps
// its mode and owner. A link in its place is not followed and not replaced.
func (p *packer) directory(dest string, h *tar.Header) error {
	if dest == "" || p.made[dest] {
		return nil
	}
	st, err := p.below.stat(dest)
	if err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return nil
	}
	if err == nil {
		return refuse("cannot copy a directory to /%s: it is there and is no directory", dest)
	}
	if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) {
		return fmt.Errorf("look at /%s: %w", dest, err)
	}
	p.made[dest] = true
	h.Typeflag, h.Name, h.Size = tar.TypeDir, dest+"/", 0
	return p.write(h)
}

// parents writes the directories above dest that are missing.
func (p *packer) parents(dest string) error {
	dir := path.Dir(dest)
	if dir == "." || dir == "/" {
		return nil
	}
	if err := p.parents(dir); err != nil {
		return err
	}
	return p.directory(dir, &tar.Header{Mode: 0o755, ModTime: time.Now()})
}

// file writes anything that is not a directory.
func (p *packer) file(root *os.Root, name, dest string, info fs.FileInfo) error {
	if err := p.free(dest); err != nil {
		return err
	}
	h := header(info)
	h.Name = dest
	switch {
	case info.Mode().IsRegular():
		return p.regular(root, name, h)
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := root.Readlink(name)
		if err != nil {
			return err
		}
		h.Typeflag, h.Linkname = tar.TypeSymlink, target
	case info.Mode()&fs.ModeNamedPipe != 0:
		h.Typeflag = tar.TypeFifo
	default:
		return refuse("%s is a device, and devices are not copied", name)
	}
	return p.write(h)
}

// free refuses to put a file where a directory is.
func (p *packer) free(dest string) error {
	st, err := p.below.stat(dest)
	if p.made[dest] || err == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		return refuse("cannot replace the directory /%s by a file", dest)
	}
	return nil
}

// regular writes a file, with the capabilities that it may have.
func (p *packer) regular(root *os.Root, name string, h *tar.Header) error {
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h.Typeflag, h.Size = tar.TypeReg, info.Size()
	value := make([]byte, 64)
	if n, err := unix.Fgetxattr(int(f.Fd()), capabilities, value); err == nil {
		h.PAXRecords = map[string]string{"SCHILY.xattr." + capabilities: string(value[:n])}
	}
	return p.content(h, f)
}

// capabilities is the extended attribute of a program's own. See
// capabilities(7).
const capabilities = "security.capability"

// content writes a header and as many bytes as it says.
func (p *packer) content(h *tar.Header, r io.Reader) error {
	if err := p.write(h); err != nil {
		return err
	}
	if _, err := io.CopyN(p.tar, r, h.Size); err != nil {
		return fmt.Errorf("read %s: %w", h.Name, err)
	}
	return nil
}

// write dresses an entry as the flags say. A link has no mode.
func (p *packer) write(h *tar.Header) error {
	if p.owner != nil {
		h.Uid, h.Gid = p.owner.uid, p.owner.gid
	}
	if p.mode != nil && h.Typeflag != tar.TypeSymlink {
		h.Mode = *p.mode
	}
	h.Format = tar.FormatPAX
	return p.tar.WriteHeader(h)
}

// header takes owner, mode and time. See inode(7).
func header(info fs.FileInfo) *tar.Header {
	h := &tar.Header{Mode: int64(info.Mode().Perm()), ModTime: info.ModTime()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		h.Mode, h.Uid, h.Gid = int64(st.Mode&0o7777), int(st.Uid), int(st.Gid)
	}
	return h
}
