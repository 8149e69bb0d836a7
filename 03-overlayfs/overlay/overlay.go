// Package overlay makes one tree of many with the kernel's overlayfs.
//
// Lower directories are only read and may be shared by any number of mounts;
// the upper one takes what is written. A file of a lower directory that is
// opened for writing is copied up first. What cannot be said with a copy is
// said with two marks in the upper directory:
//
//	a whiteout, a character device 0:0, hides the name below it
//	an opaque directory, one with the xattr overlay.opaque=y, hides the
//	directory of the same name below it, with all that is in it
//
//	  merged    bin  etc/hosts       var/log
//	  upper          etc/hosts(new)  etc/motd(0:0)   var(opaque)/log
//	  lower     bin  etc/hosts       etc/motd        var/cache
//
// This package writes mounts as data (mount.go), reads what a tree has
// changed (changes.go), and knows the marks (mark.go). It mounts nothing.
//
// See the kernel's Documentation/filesystems/overlayfs.rst.
package overlay

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"drydock/01-namespaces/mount"
)

// Layers are the directories of one merged tree.
type Layers struct {
	// Lower are the directories that are only read, the top one first. Where
	// two have the same name, the first wins; directories are merged.
	Lower []string
	// Upper takes what is written, Work is an empty directory beside it, on
	// the same file system, in which the kernel prepares what it then
	// renames into Upper. Without them the tree is read-only.
	Upper, Work string
	// Base is a directory above all others. Names below it are written
	// relative to it: mount(2) takes one page of options, and 128 layers only
	// fit with short names. Empty is where Upper is, or the first of Lower.
	Base string
	// UserXattr marks opaque directories with user.overlay.opaque, since only
	// root may write trusted.overlay.opaque. An overlay that root of a user
	// namespace mounts without it looks right, until `rm -r` of a directory
	// from below fails with EIO.
	UserXattr bool
}

// Mount says how to mount the layers: an overlay, or a bind mount where there
// is one directory only, which overlayfs refuses. Its Target is empty. It is
// an error when the names do not fit one page.
//
// Two features of overlayfs are switched off, whatever the machine's default
// is: redirects (a renamed directory remembers where it was) and metacopy (a
// chmod copies no content) leave an upper directory that does not say by
// itself what has changed. And who can plant such an xattr in an image must
// not make the kernel follow it.
func (l Layers) Mount() (mount.Mount, error) {
	if len(l.Lower) == 0 && l.Upper == "" {
		return mount.Mount{}, fmt.Errorf("an overlay needs a directory")
	}
	if len(l.Lower) == 0 {
		return mount.Mount{Type: "bind", Source: l.Upper}, nil
	}
	if len(l.Lower) == 1 && l.Upper == "" {
		return mount.Mount{Type: "bind", Source: l.Lower[0], Options: []string{"ro"}}, nil
	}
	names, err := l.short(l.Lower...)
	if err != nil {
		return mount.Mount{}, err
	}
	m := mount.Mount{Type: "overlay", Source: l.base(), Options: []string{"lowerdir=" + strings.Join(names, ":")}}
	if l.Upper == "" {
		m.Options = append(m.Options, "ro")
	} else {
		names, err := l.short(l.Upper, l.Work)
		if err != nil {
			return mount.Mount{}, err
		}
		m.Options = append(m.Options, "upperdir="+names[0], "workdir="+names[1], "index=off", "metacopy=off")
	}
	if l.UserXattr {
		m.Options = append(m.Options, "userxattr") // implies redirect_dir=nofollow
	} else {
		m.Options = append(m.Options, "redirect_dir=nofollow")
	}
	return m, fits(m.Options, len(l.Lower))
}

// fits counts the bytes that mount(2) will see.
func fits(options []string, layers int) error {
	page := os.Getpagesize()
	if size := len(strings.Join(options, ",")) + 1; size > page {
		return fmt.Errorf("overlay of %d layers: its options take %d bytes, and mount(2) reads %d", layers, size, page)
	}
	return nil
}

func (l Layers) base() string {
	if l.Base != "" {
		return l.Base
	}
	return filepath.Dir(cmp.Or(l.Upper, l.Lower[0]))
}

// short writes names as the options want them: relative to Base, without the
// characters that mean something in a list of options.
func (l Layers) short(dirs ...string) ([]string, error) {
	names := make([]string, 0, len(dirs))
	for _, dir := range dirs {
		name := dir
		if !filepath.IsAbs(dir) {
			return nil, fmt.Errorf("overlay of %q: this is not an absolute path", dir)
		}
		if rel, err := filepath.Rel(l.base(), dir); err == nil && filepath.IsLocal(rel) {
			name = rel
		}
		if strings.ContainsAny(name, ":,\\") {
			return nil, fmt.Errorf("overlay of %q: a name with ':', ',' or '\\' cannot be written in its options", dir)
		}
		names = append(names, name)
	}
	return names, nil
}
