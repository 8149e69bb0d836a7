package capability

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestDefaultIsDockers(t *testing.T) {
	const docker = 0xa80425fb // CapEff in a container of Docker's
	if Default() != docker {
		t.Errorf("the default set is %#x, want %#x", uint64(Default()), docker)
	}
}

func TestNamesGoByNumber(t *testing.T) {
	for n, want := range map[int]string{
		unix.CAP_CHOWN: "CAP_CHOWN", unix.CAP_NET_ADMIN: "CAP_NET_ADMIN", unix.CAP_SYS_ADMIN: "CAP_SYS_ADMIN",
		unix.CAP_SETFCAP: "CAP_SETFCAP", unix.CAP_LAST_CAP: "CAP_CHECKPOINT_RESTORE", 60: "CAP_60",
	} {
		if got := Name(n); got != want {
			t.Errorf("capability %d is %s, want %s", n, got, want)
		}
	}
	if len(names) != unix.CAP_LAST_CAP+1 {
		t.Errorf("%d names for %d capabilities", len(names), unix.CAP_LAST_CAP+1)
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		in   []string
		want Set
	}{
		{nil, 0},
		{[]string{"NET_ADMIN"}, Of(unix.CAP_NET_ADMIN)},
		{[]string{"cap_net_admin", "Chown"}, Of(unix.CAP_NET_ADMIN, unix.CAP_CHOWN)},
		{[]string{"all"}, All()},
	} {
		got, err := Parse(c.in)
		require.NoError(t, err)
		if got != c.want {
			t.Errorf("%v is %s, want %s", c.in, got, c.want)
		}
	}
	_, err := Parse([]string{"CHOWN", "CAP_FLY"})
	require.EqualError(t, err, `unknown capability: "CAP_FLY"`)
}

func TestParseReadsWhatNamesWrites(t *testing.T) {
	for _, s := range []Set{0, Default(), Of(0, 40)} {
		got, err := Parse(s.Names())
		require.NoError(t, err)
		if !reflect.DeepEqual(got, s) {
			t.Errorf("%s came back as %s", s, got)
		}
	}
	if Set(0).String() != "none" || Of(0, 5).String() != "CAP_CHOWN,CAP_KILL" {
		t.Errorf("%s, %s", Set(0), Of(0, 5))
	}
}
