package mount

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Options are the options of a Mount as the kernel wants to hear them.
type Options struct {
	// Flags are the MS_ flags of mount(2).
	Flags uint64
	// Propagation is MS_PRIVATE, MS_SLAVE, MS_SHARED or MS_UNBINDABLE, or 0.
	Propagation uint64
	// Tree says that Propagation holds for all mounts below, too.
	Tree bool
	// Recursive takes along what is mounted below the source ("rbind").
	Recursive bool
	// ReadOnlyTree makes what is mounted below read-only, too ("rro").
	ReadOnlyTree bool
	// Data is what only the file system understands, separated by commas.
	Data string
}

// flags are the options that are not the file system's: what each one sets
// and what it clears. See mount(8), "FILESYSTEM-INDEPENDENT MOUNT OPTIONS".
var flags = map[string]struct{ set, clear uint64 }{
	"defaults":      {},
	"ro":            {set: unix.MS_RDONLY},
	"rw":            {clear: unix.MS_RDONLY},
	"nosuid":        {set: unix.MS_NOSUID},
	"suid":          {clear: unix.MS_NOSUID},
	"nodev":         {set: unix.MS_NODEV},
	"dev":           {clear: unix.MS_NODEV},
	"noexec":        {set: unix.MS_NOEXEC},
	"exec":          {clear: unix.MS_NOEXEC},
	"sync":          {set: unix.MS_SYNCHRONOUS},
	"async":         {clear: unix.MS_SYNCHRONOUS},
	"dirsync":       {set: unix.MS_DIRSYNC},
	"mand":          {set: unix.MS_MANDLOCK},
	"nomand":        {clear: unix.MS_MANDLOCK},
	"noatime":       {set: unix.MS_NOATIME},
	"atime":         {clear: unix.MS_NOATIME},
	"nodiratime":    {set: unix.MS_NODIRATIME},
	"diratime":      {clear: unix.MS_NODIRATIME},
	"relatime":      {set: unix.MS_RELATIME},
	"norelatime":    {clear: unix.MS_RELATIME},
	"strictatime":   {set: unix.MS_STRICTATIME},
	"nostrictatime": {clear: unix.MS_STRICTATIME},
	"nosymfollow":   {set: unix.MS_NOSYMFOLLOW},
	"silent":        {set: unix.MS_SILENT},
}

// propagations are the ways in which mounts travel. See mount_namespaces(7).
var propagations = map[string]uint64{
	"private":    unix.MS_PRIVATE,
	"slave":      unix.MS_SLAVE,
	"shared":     unix.MS_SHARED,
	"unbindable": unix.MS_UNBINDABLE,
}

// Parse sorts the words of m.Options into those for the kernel and those for
// the file system. A bind mount has no file system to ask, so a word that
// means nothing there is an error.
func (m Mount) Parse() (Options, error) {
	var o Options
	var data []string
	for _, word := range m.Options {
		if o.flag(word) {
			continue
		}
		if m.Type == "bind" {
			return o, fmt.Errorf("%s: unknown option %q", m, word)
		}
		if strings.ContainsRune(word, 0) {
			return o, fmt.Errorf("%s: option %q contains a zero byte", m, word)
		}
		data = append(data, word)
	}
	o.Data = strings.Join(data, ",")
	return o, nil
}

// flag takes in one word, unless it belongs to the file system.
func (o *Options) flag(word string) bool {
	if f, ok := flags[word]; ok {
		o.Flags = o.Flags&^f.clear | f.set
		return true
	}
	switch word {
	case "bind":
		return true
	case "rbind":
		o.Recursive = true
		return true
	case "rro":
		o.Flags |= unix.MS_RDONLY
		o.ReadOnlyTree, o.Recursive = true, true
		return true
	}
	name, tree := strings.CutPrefix(word, "r")
	if p, ok := propagations[name]; ok {
		o.Propagation, o.Tree = p, tree
		return true
	}
	return false
}

// attributes translates MS_ flags for mount_setattr(2), which is the only way
// to change a whole tree at once, and keeps the flags that are not named.
var attributes = []struct{ flag, attr uint64 }{
	{unix.MS_RDONLY, unix.MOUNT_ATTR_RDONLY},
	{unix.MS_NOSUID, unix.MOUNT_ATTR_NOSUID},
	{unix.MS_NODEV, unix.MOUNT_ATTR_NODEV},
	{unix.MS_NOEXEC, unix.MOUNT_ATTR_NOEXEC},
	{unix.MS_NODIRATIME, unix.MOUNT_ATTR_NODIRATIME},
	{unix.MS_NOSYMFOLLOW, unix.MOUNT_ATTR_NOSYMFOLLOW},
}

// An Attribute is one call of mount_setattr(2): what changes, and whether it
// holds for all mounts below.
type Attribute struct {
	Attr unix.MountAttr
	Tree bool
}

// Attributes are the changes that turn a plain copy of a mount into what o
// asks for: at most two, because "ro" means the mount alone while "rprivate"
// means all below it.
func (o Options) Attributes() []Attribute {
	var attr, spread unix.MountAttr
	for _, a := range attributes {
		if o.Flags&a.flag != 0 {
			attr.Attr_set |= a.attr
		}
	}
	switch {
	case o.Flags&unix.MS_NOATIME != 0:
		attr.Attr_set |= unix.MOUNT_ATTR_NOATIME
		attr.Attr_clr |= unix.MOUNT_ATTR__ATIME
	case o.Flags&unix.MS_STRICTATIME != 0:
		attr.Attr_set |= unix.MOUNT_ATTR_STRICTATIME
		attr.Attr_clr |= unix.MOUNT_ATTR__ATIME
	}
	spread.Propagation = o.Propagation
	if o.ReadOnlyTree == o.Tree || o.Propagation == 0 {
		attr.Propagation, spread.Propagation = o.Propagation, 0
	}
	var list []Attribute
	if attr != (unix.MountAttr{}) {
		list = append(list, Attribute{attr, o.ReadOnlyTree || attr.Propagation != 0 && o.Tree})
	}
	if spread != (unix.MountAttr{}) {
		list = append(list, Attribute{spread, o.Tree})
	}
	return list
}
