package builder

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
)

// An owner is what --chown asks for.
type owner struct{ uid, gid int }

// owner reads "user[:group]", by name or number, as the files of the tree
// name them. Without a group it is the one with the user's number.
func (t tree) owner(text string) (*owner, error) {
	user, group, has := strings.Cut(text, ":")
	uid, err := t.id("etc/passwd", user)
	if err != nil {
		return nil, err
	}
	o := &owner{uid, uid}
	if has {
		o.gid, err = t.id("etc/group", group)
	}
	return o, err
}

// id finds a number in a file of the form name:x:number. See passwd(5).
func (t tree) id(file, name string) (int, error) {
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(n), nil
	}
	f, err := t.open(file)
	if err != nil {
		return 0, refuse("the owner %q cannot be found: the image has no /%s", name, file)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) > 2 && fields[0] == name && name != "" {
			n, err := strconv.ParseUint(fields[2], 10, 31)
			if err != nil {
				return 0, fmt.Errorf("/%s: %q has the number %q", file, name, fields[2])
			}
			return int(n), nil
		}
	}
	return 0, refuse("the owner %q is not in /%s of the image", name, file)
}
