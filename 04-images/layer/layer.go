// Package layer turns a tar into a tree and a tree into a tar.
//
// A tar comes from a stranger. Its names may hold "..", its symbolic links
// may point anywhere, and its next entry may go through the link that the
// last one made. Therefore no name of a tar is ever joined to a path of the
// host: the kernel resolves each one below a directory descriptor, where ".."
// stops at the top and an absolute link starts there (openat2(2) with
// RESOLVE_IN_ROOT), so /var/run → /run works and /x → /etc harms nobody.
//
// Layers of an image speak of deletion by names: ".wh.x" means that x of the
// layers below is gone, ".wh..wh..opq" that nothing from below shows in this
// directory. On disk overlayfs wants a device 0:0 and an attribute instead;
// Apply translates one way and Diff the other.
//
// Which tree lies below is not known while several layers are laid out side
// by side. Apply then writes down what it had to guess, and Settle checks the
// guesses when the parents are there.
package layer

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// Options say how a tar becomes a tree. The zero value is for a plain tar.
type Options struct {
	// Whiteouts makes names that begin with ".wh." delete what is below, as
	// in the layers of images; otherwise they are names like any other.
	Whiteouts bool
	// Below is the tree on which the layer stands; nil says that it is not
	// there yet, and Settle must follow.
	Below *Below
	// Limit is how many bytes the tree may take; each entry counts for 4 KiB
	// at least. 0 means DefaultLimit.
	Limit int64
	// Edit may change or refuse each entry before it is looked at.
	Edit func(*tar.Header) error
}

// DefaultLimit stops a bomb: a few kilobytes of zstd can name a petabyte.
const DefaultLimit = 256 << 30

// A Result says what Apply did and what it had to guess.
type Result struct {
	Size    int64 // bytes of the files
	Entries int
	// Implied are directories that had no entry of their own, outermost
	// first; "" is the root. They look like the ones below, if there are any.
	Implied []string
	// Replay says that the tar must be applied once more, with Below: it
	// links to a file that is not in it, or implies too much to remember.
	Replay bool
}

// ErrLimit is the cause when a tar grows beyond Options.Limit.
var ErrLimit = errors.New("the layer is larger than allowed")

// Apply lays the tar out in the directory root, which no name of it leaves.
// It reads r to its end, so a digest taken on the way is that of the whole
// stream. On an error the tree is unfinished and should be thrown away.
func Apply(root *os.File, r io.Reader, o Options) (Result, error) {
	t := newTree(int(root.Fd()), o)
	defer t.flush()
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return Result{}, fmt.Errorf("read tar: %w", err)
		}
		if err := t.apply(h, tr); err != nil {
			return Result{}, err
		}
	}
	return t.finish(r)
}

// finish reads the padding behind the last entry, which is part of the diff
// ID, and closes the books.
func (t *tree) finish(r io.Reader) (Result, error) {
	for {
		n, err := r.Read(t.buf)
		if err := t.spend(int64(n)); err != nil {
			return Result{}, err
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return Result{}, fmt.Errorf("read tar: %w", err)
		}
	}
	if !t.rooted && t.options.Whiteouts {
		t.implied("")
	}
	return t.result, t.flush()
}

// spend counts n bytes against the limit.
func (t *tree) spend(n int64) error {
	t.left -= n
	if t.left < 0 {
		return fmt.Errorf("after %d entries: %w", t.result.Entries, ErrLimit)
	}
	return nil
}

// apply makes one entry.
func (t *tree) apply(h *tar.Header, data io.Reader) error {
	if h.Typeflag == tar.TypeXGlobalHeader {
		return nil // comments, git writes them
	}
	if edit := t.options.Edit; edit != nil {
		if err := edit(h); err != nil {
			return err
		}
	}
	name, err := clean(h.Name)
	if err != nil {
		return err
	}
	if h.Size < 0 || h.Uid < 0 || h.Gid < 0 || h.Uid > maxID || h.Gid > maxID {
		return fmt.Errorf("entry %q has an impossible size or owner", h.Name)
	}
	t.result.Entries++
	if err := t.spend(max(h.Size, 4096)); err != nil {
		return err
	}
	if err := t.trim(); err != nil {
		return err
	}
	if err := t.place(name, h, data); err != nil {
		return fmt.Errorf("entry %q: %w", h.Name, err)
	}
	return nil
}

// maxID is the largest user or group; the one above means "leave it".
const maxID = 1<<32 - 2

// clean makes a name relative to the root; "" is the root itself. Docker too
// takes "/x" for "x" and refuses "../x".
func clean(name string) (string, error) {
	c := path.Clean(name)
	if c == ".." || strings.HasPrefix(c, "../") {
		return "", fmt.Errorf("entry %q is outside of the tree", name)
	}
	c = strings.TrimLeft(c, "/")
	if c == "." {
		c = ""
	}
	return c, nil
}

// split cuts a clean name into its directory and its last part.
func split(name string) (dir, base string) {
	i := strings.LastIndexByte(name, '/')
	if i < 0 {
		return "", name
	}
	return name[:i], name[i+1:]
}
