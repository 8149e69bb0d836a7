package builder

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"drydock/04-images/layer"
)

// unpack lays out an archive of the context. It says false when the file is
// none: that is then copied as it is.
func (c *copying) unpack(p *packer, root *os.Root, name string) (bool, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	plain, _, err := layer.Decompress(f)
	if err != nil {
		return false, nil
	}
	defer plain.Close()
	archive := tar.NewReader(plain)
	h, err := archive.Next()
	if err != nil {
		return false, nil
	}
	if c.in.Flag("chown") == "" { // an archive says itself whom its files belong to
		defer func(o *owner) { p.owner = o }(p.owner)
		p.owner = nil
	}
	if err := p.parents(path.Join(c.dest, "x")); err != nil {
		return true, err
	}
	for ; err == nil; h, err = archive.Next() {
		if err := p.entry(h, archive, c.dest); err != nil {
			return true, err
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return true, err
}

// entry writes one entry of an archive below dest. What its links may lead to
// is the concern of chapter 4, which lays the layer out.
func (p *packer) entry(h *tar.Header, data io.Reader, dest string) error {
	name, err := inside(h.Name)
	if err != nil {
		return err
	}
	if name == "" || h.Typeflag == tar.TypeXGlobalHeader {
		return nil
	}
	for part := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(part, whiteout) {
			return refuse("%s: a layer cannot hold a file whose name begins with %s", h.Name, whiteout)
		}
	}
	h.Name = path.Join(dest, name)
	if h.Typeflag == tar.TypeDir {
		h.Name += "/"
	}
	if h.Typeflag == tar.TypeLink {
		target, err := inside(h.Linkname)
		if err != nil {
			return err
		}
		h.Linkname = path.Join(dest, target)
	}
	if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeGNUSparse {
		return p.write(h)
	}
	h.Typeflag = tar.TypeReg
	for key := range h.PAXRecords { // the reader has filled the holes
		if strings.HasPrefix(key, "GNU.sparse.") {
			delete(h.PAXRecords, key)
		}
	}
	return p.content(h, data)
}

// inside is a name of an archive without what leads out of it.
func inside(name string) (string, error) {
	clean := path.Clean(name)
	if clean == ".." || strings.HasPrefix(clean, "../") {
		return "", refuse("the archive has an entry %q, which is outside of it", name)
	}
	return path.Clean("/" + name)[1:], nil
}
