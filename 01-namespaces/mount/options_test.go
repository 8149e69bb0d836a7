package mount

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestOptions(t *testing.T) {
	for _, c := range []struct {
		mount Mount
		want  Options
	}{
		{Mount{Type: "tmpfs"}, Options{}},
		{Mount{Type: "tmpfs", Options: []string{"ro", "nosuid", "size=64m", "rw", "mode=755"}},
			Options{Flags: unix.MS_NOSUID, Data: "size=64m,mode=755"}},
		{Mount{Type: "overlay", Options: []string{"lowerdir=a:b", "userxattr"}}, Options{Data: "lowerdir=a:b,userxattr"}},
		{Mount{Type: "bind", Options: []string{"rbind", "ro", "rprivate"}},
			Options{Flags: unix.MS_RDONLY, Propagation: unix.MS_PRIVATE, Tree: true, Recursive: true}},
		{Mount{Type: "bind", Options: []string{"bind", "shared"}}, Options{Propagation: unix.MS_SHARED}},
		{Mount{Type: "bind", Options: []string{"rro"}}, Options{Flags: unix.MS_RDONLY, Recursive: true, ReadOnlyTree: true}},
	} {
		got, err := c.mount.Parse()
		require.NoError(t, err)
		if got != c.want {
			t.Errorf("%v means %+v, want %+v", c.mount.Options, got, c.want)
		}
	}
	_, err := Mount{Type: "bind", Source: "/a", Target: "/b", Options: []string{"size=1"}}.Parse()
	require.EqualError(t, err, `mount /a on /b: unknown option "size=1"`)
	_, err = Mount{Type: "tmpfs", Options: []string{"mode=\x00"}}.Parse()
	require.Error(t, err)
}

// ro is about one mount, rprivate about all below it: two calls.
func TestAttributes(t *testing.T) {
	ro := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	private := unix.MountAttr{Propagation: unix.MS_PRIVATE}
	both := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY, Propagation: unix.MS_PRIVATE}
	for _, c := range []struct {
		options []string
		want    []Attribute
	}{
		{nil, nil},
		{[]string{"ro"}, []Attribute{{ro, false}}},
		{[]string{"rro"}, []Attribute{{ro, true}}},
		{[]string{"private"}, []Attribute{{private, false}}},
		{[]string{"rprivate"}, []Attribute{{private, true}}},
		{[]string{"ro", "private"}, []Attribute{{both, false}}},
		{[]string{"ro", "rprivate"}, []Attribute{{ro, false}, {private, true}}},
		{[]string{"rro", "rprivate"}, []Attribute{{both, true}}},
		{[]string{"rro", "private"}, []Attribute{{ro, true}, {private, false}}},
		{[]string{"noatime"}, []Attribute{{unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOATIME, Attr_clr: unix.MOUNT_ATTR__ATIME}, false}}},
	} {
		o, err := Mount{Type: "bind", Options: c.options}.Parse()
		require.NoError(t, err)
		if got := o.Attributes(); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%v takes %+v, want %+v", c.options, got, c.want)
		}
	}
}
