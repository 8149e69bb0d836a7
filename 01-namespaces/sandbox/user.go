package sandbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An identity is who the program runs as, in numbers.
type identity struct {
	uid, gid uint32
	groups   []uint32
	home     string
}

// maxID is the largest user or group id that Docker accepts.
const maxID = 1<<31 - 1

// parseID reads a number, and only a number, as an id.
func parseID(s string) (id uint32, numeric bool, err error) {
	n, err := strconv.Atoi(s)
	if err != nil || s[0] == '+' {
		return 0, false, nil
	}
	if n < 0 || n > maxID {
		return 0, true, fmt.Errorf("uids and gids must be in range 0-%d", maxID)
	}
	return uint32(n), true, nil
}

// parseNumbers is the identity as far as "user:group" has numbers.
func parseNumbers(spec string) (identity, error) {
	name, group, _ := strings.Cut(spec, ":")
	uid, _, err := parseID(name)
	if err != nil {
		return identity{}, err
	}
	gid, _, err := parseID(group)
	return identity{uid: uid, gid: gid, home: "/"}, err
}

// user looks up "user:group" and further groups in the account files of the
// container. A number is always a number, whatever account may be *named*
// 1000 (CVE-2016-3697). See passwd(5), group(5).
func (l lookup) user(spec string, more []string) (identity, error) {
	name, group, explicit := strings.Cut(spec, ":")
	if name == "" {
		name = "0"
	}
	passwd, err := l.read("etc/passwd")
	if err != nil {
		return identity{}, err
	}
	who, account, err := findUser(passwd, name)
	if err != nil {
		return who, err
	}
	groups, err := l.read("etc/group")
	if err != nil {
		return who, err
	}
	if explicit && group != "" {
		who.gid, err = findGroup(groups, group)
	} else {
		who.groups = memberships(groups, account)
	}
	for _, g := range more {
		var gid uint32
		if err == nil {
			gid, err = findGroup(groups, g)
			who.groups = append(who.groups, gid)
		}
	}
	slices.Sort(who.groups)
	who.groups = slices.Compact(who.groups)
	return who, err
}

// fields iterates over the lines of an account file that have at least n
// fields.
func fields(file string, n int) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for line := range strings.Lines(file) {
			f := strings.Split(strings.TrimSpace(line), ":")
			if len(f) >= n && !strings.HasPrefix(line, "#") && !yield(f) {
				return
			}
		}
	}
}

// findUser is the identity of a user by name or number, and the name of the
// account. A number needs no account.
func findUser(passwd, name string) (identity, string, error) {
	uid, numeric, err := parseID(name)
	if err != nil {
		return identity{}, "", fmt.Errorf("unable to find user %s: %w", name, err)
	}
	for f := range fields(passwd, 4) {
		id, ok, err := parseID(f[2])
		if !ok || err != nil || numeric && id != uid || !numeric && f[0] != name {
			continue
		}
		who := identity{uid: id, home: "/"}
		who.gid, _, _ = parseID(f[3])
		if len(f) > 5 && f[5] != "" {
			who.home = f[5]
		}
		return who, f[0], nil
	}
	if !numeric {
		return identity{}, "", fmt.Errorf("unable to find user %s: no matching entries in passwd file", name)
	}
	return identity{uid: uid, home: "/"}, "", nil
}

// findGroup is the id of a group by name or number.
func findGroup(file, name string) (uint32, error) {
	gid, numeric, err := parseID(name)
	if err != nil {
		return 0, fmt.Errorf("unable to find group %s: %w", name, err)
	}
	if numeric {
		return gid, nil
	}
	for f := range fields(file, 3) {
		if id, ok, err := parseID(f[2]); f[0] == name && ok && err == nil {
			return id, nil
		}
	}
	return 0, fmt.Errorf("unable to find group %s: no matching entries in group file", name)
}

// maxGroups is NGROUPS_MAX: setgroups(2) takes no more.
const maxGroups = 65536

// memberships are the groups that list the account as a member.
func memberships(file, account string) []uint32 {
	var ids []uint32
	if account == "" {
		return nil
	}
	for f := range fields(file, 4) {
		id, ok, err := parseID(f[2])
		if ok && err == nil && len(ids) < maxGroups/2 && slices.Contains(strings.Split(f[3], ","), account) {
			ids = append(ids, id)
		}
	}
	return ids
}
