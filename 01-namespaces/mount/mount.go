// Package mount describes mounts as plain data and makes them without
// following what a hostile image may have put in their way.
package mount

import "fmt"

// A Mount is one entry of a mount table, as mount(8) and fstab(5) write it.
type Mount struct {
	// Type is the file system: "proc", "tmpfs", "overlay", …; "bind" makes
	// Source visible a second time.
	Type string
	// Source is a path of the host for a bind mount, a label otherwise. For
	// an overlay it is the directory from which relative lowerdir, upperdir
	// and workdir names start: mount(2) takes one page of options, and 128
	// layers only fit with short relative names.
	Source string
	// Target is an absolute path, inside the root that At is given.
	Target string
	// Options are in fstab's words: flags ("ro", "nosuid", "nodev",
	// "noexec", "rbind", "rprivate", "rslave", "rshared", "rro") and what the
	// file system understands ("size=64m", "lowerdir=…", "userxattr").
	Options []string
}

// String says what is mounted where, as error messages need it.
func (m Mount) String() string {
	if m.Type == "bind" || m.Source == "" {
		return fmt.Sprintf("mount %s on %s", either(m.Source, m.Type), m.Target)
	}
	return fmt.Sprintf("mount %s on %s", m.Type, m.Target)
}

func either(first, second string) string {
	if first != "" {
		return first
	}
	return second
}
