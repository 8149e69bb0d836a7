package mount

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTableIsRead(t *testing.T) {
	const line = `36 35 98:0 /mnt1 /mnt\0402 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue`
	table, err := ReadTable(strings.NewReader(line + "\n"))
	require.NoError(t, err)
	want := Entry{ID: 36, Parent: 35, Major: 98, Root: "/mnt1", Target: "/mnt 2",
		Options: []string{"rw", "noatime"}, Optional: []string{"master:1", "shared:7"},
		Type: "ext3", Source: "/dev/root", Super: []string{"rw", "errors=continue"}}
	if len(table) != 1 || !reflect.DeepEqual(table[0], want) {
		t.Errorf("read %+v, want %+v", table, want)
	}
	ours, err := Table()
	require.NoError(t, err)
	require.NotEmpty(t, ours, "a process without mounts has no root")
}

func TestTableRefusesWhatIsNone(t *testing.T) {
	for _, line := range []string{"x", "1 2 3:4 / / rw ext4 a b", "1 2 34 / / rw - ext4 a b", "a 2 3:4 / / rw - ext4 a b", "1 2 3:4 / / rw - ext4"} {
		if _, err := ReadTable(strings.NewReader(line)); err == nil {
			t.Errorf("%q was read as a mount", line)
		}
	}
}

func FuzzTable(f *testing.F) {
	f.Add(`36 35 98:0 /a\134 /b rw - ext3 none rw`)
	f.Add(`1 1 1:1 \04 \777 r o p - t s -`)
	f.Fuzz(func(t *testing.T, line string) {
		e, err := parseEntry(line)
		if err == nil && len(e.Target) > len(line) {
			t.Errorf("%q gave more than it has: %+v", line, e)
		}
	})
}
