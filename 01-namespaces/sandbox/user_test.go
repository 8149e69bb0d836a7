package sandbox

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const passwd = `root:x:0:0:root:/root:/bin/sh
# a comment: that: is: no: line
bad line
alice:x:1000:100::/home/alice:/bin/sh
1000:x:0:0:a trap:/:/bin/sh
huge:x:99999999999:1::/:/bin/sh
`

const groups = `root:x:0:root
boat:x:50:bob,alice
crew:x:60:alice
bad:x:-4:alice
`

func TestWhoTheUserIs(t *testing.T) {
	for _, c := range []struct {
		name string
		want identity
	}{
		{"0", identity{home: "/root"}},
		{"root", identity{home: "/root"}},
		{"alice", identity{uid: 1000, gid: 100, home: "/home/alice"}},
		{"1000", identity{uid: 1000, gid: 100, home: "/home/alice"}}, // not the account of that name
		{"4242", identity{uid: 4242, home: "/"}},
	} {
		got, _, err := findUser(passwd, c.name)
		require.NoError(t, err)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("user %q is %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestUserIsNotFoundInTheWordsOfDocker(t *testing.T) {
	for name, want := range map[string]string{
		"bob":        "unable to find user bob: no matching entries in passwd file",
		"huge":       "unable to find user huge: no matching entries in passwd file",
		"-1":         "unable to find user -1: uids and gids must be in range 0-2147483647",
		"2147483648": "unable to find user 2147483648: uids and gids must be in range 0-2147483647",
	} {
		if _, _, err := findUser(passwd, name); err == nil || err.Error() != want {
			t.Errorf("user %q: %v, want %q", name, err, want)
		}
	}
	if _, err := findGroup(groups, "sea"); err == nil || err.Error() != "unable to find group sea: no matching entries in group file" {
		t.Errorf("group sea: %v", err)
	}
}

func TestGroupsOfAnAccount(t *testing.T) {
	if got := memberships(groups, "alice"); !reflect.DeepEqual(got, []uint32{50, 60}) {
		t.Errorf("alice is in %v, want 50 and 60", got)
	}
	if got := memberships(groups, ""); got != nil {
		t.Errorf("nobody is in %v", got)
	}
	if got, err := findGroup(groups, "4000000"); got != 4000000 || err != nil {
		t.Errorf("a number is a group without an entry: %d, %v", got, err)
	}
}

func FuzzAccounts(f *testing.F) {
	f.Add(passwd, "1000")
	f.Add("a:b:c", "a")
	f.Add(":::", "")
	f.Fuzz(func(t *testing.T, file, name string) {
		who, _, err := findUser(file, name)
		if uid, numeric, idErr := parseID(name); err == nil && numeric && (idErr != nil || who.uid != uid) {
			t.Errorf("number %q became user %d", name, who.uid)
		}
		if who.uid > maxID || len(memberships(file, name)) > maxGroups {
			t.Errorf("out of range: %+v", who)
		}
		if _, err := findGroup(file, name); err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name the group: %v", err)
		}
	})
}
