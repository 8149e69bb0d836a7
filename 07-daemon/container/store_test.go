package container

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/06-networking/bridge"
	"drydock/07-daemon/lifecycle"
)

func id(letter string) string { return strings.Repeat(letter, 64) }

// full is a record with every field set, so that one lost on its way to the
// disk and back is seen.
func full(letter string) *Record {
	return &Record{
		ID: id(letter), Name: "web", Created: time.Unix(1700000000, 5).UTC(),
		Path: "/bin/serve", Args: []string{"-p", "80"},
		Config:     &Config{Hostname: "web", Env: []string{"A=b"}, Labels: map[string]string{"k": "v"}},
		HostConfig: &HostConfig{NetworkMode: "bridge"},
		Networks:   map[string]*Endpoint{"bridge": {Aliases: []string{"www"}}},
		Image:      "sha256:" + id("e"), Platform: "linux",
		Mounts:    []MountPoint{{Type: "bind", Source: "/a", Destination: "/b", RW: true}},
		Anonymous: []string{id("d")},
		LogPath:   "/log", HostnamePath: "/hn", HostsPath: "/h", ResolvConfPath: "/r",
		State: State{
			Status: lifecycle.Exited, ExitCode: 137, OOMKilled: true, Error: "no",
			StartedAt: time.Unix(1700000001, 0).UTC(), FinishedAt: time.Unix(1700000002, 0).UTC(),
			RestartCount: 2, Stopped: true,
			Leases: []bridge.Lease{{Network: "bridge", Address: netip.MustParsePrefix("10.0.0.2/24")}},
		},
	}
}

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "containers"))
	require.NoError(t, err)
	return s
}

func TestRecordComesBackWhole(t *testing.T) {
	s := open(t)
	want := full("a")
	require.NoError(t, s.Create(want))
	got, err := s.Load()
	require.NoError(t, err)
	require.Len(t, got, 1)
	// Docker's types give absent lists back as empty ones; compare as saved.
	if got[0].Name != want.Name || !reflect.DeepEqual(got[0].State, want.State) {
		t.Errorf("got %+v, want %+v", got[0], want)
	}
	require.NoError(t, s.Save(got[0]))
	again, err := s.Load()
	require.NoError(t, err)
	if !reflect.DeepEqual(again, got) {
		t.Errorf("saved and loaded once more it changed: %+v, was %+v", again[0], got[0])
	}
}

func TestStateAloneLeavesTheWishAlone(t *testing.T) {
	s := open(t)
	r := full("a")
	require.NoError(t, s.Create(r))
	before, err := os.Stat(filepath.Join(s.Dir(r.ID), wishFile))
	require.NoError(t, err)
	r.State.Status, r.State.Pid = lifecycle.Running, 42
	require.NoError(t, s.SaveState(r))
	after, err := os.Stat(filepath.Join(s.Dir(r.ID), wishFile))
	require.NoError(t, err)
	if !os.SameFile(before, after) {
		t.Error("a change of state wrote the configuration again")
	}
	got, err := s.Load()
	require.NoError(t, err)
	if got[0].State.Pid != 42 || got[0].State.Status != lifecycle.Running {
		t.Errorf("the new state is %+v", got[0].State)
	}
}

func TestBrokenRecordHarmsNoOther(t *testing.T) {
	s := open(t)
	require.NoError(t, s.Create(full("a")))
	for letter, text := range map[string]string{
		"b": "{", "c": "null", "d": `{"ID":"` + id("f") + `"}`, "e": `{"ID":"` + id("e") + `"}`,
	} {
		require.NoError(t, os.Mkdir(s.Dir(id(letter)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(s.Dir(id(letter)), wishFile), []byte(text), 0o600))
	}
	got, err := s.Load()
	if len(got) != 1 || got[0].ID != id("a") {
		t.Errorf("the whole record must load, got %d", len(got))
	}
	for _, letter := range []string{"b", "c", "d", "e"} {
		if err == nil || !strings.Contains(err.Error(), id(letter)) {
			t.Errorf("the error must name the broken record %s…: %v", letter, err)
		}
	}
}

func TestLostStateIsAnExitThatNobodySaw(t *testing.T) {
	for name, text := range map[string]string{"torn": "{\"Sta", "empty": "", "alien": `{"Status":"zombie"}`} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			r := full("a")
			require.NoError(t, s.Create(r))
			require.NoError(t, os.WriteFile(filepath.Join(s.Dir(r.ID), stateFile), []byte(text), 0o600))
			got, err := s.Load()
			require.NoError(t, err)
			require.Len(t, got, 1)
			if st := got[0].State; st.Status != lifecycle.Exited || st.ExitCode != 255 || st.Error == "" {
				t.Errorf("want exited with 255 and a reason, got %+v", st)
			}
		})
	}
}

func TestHalfMadeDirectoryGoesSilently(t *testing.T) {
	s := open(t)
	require.NoError(t, os.Mkdir(s.Dir(id("a")), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir(id("a")), wishFile+".new"), []byte("{"), 0o600))
	got, err := s.Load()
	require.NoError(t, err)
	if len(got) != 0 {
		t.Errorf("a record that was never finished loaded: %+v", got[0])
	}
	if _, err := os.Stat(s.Dir(id("a"))); !os.IsNotExist(err) {
		t.Errorf("what is left of a create that was cut short must go: %v", err)
	}
}

func TestIdsAreNoPaths(t *testing.T) {
	s := open(t)
	for _, bad := range []string{"", "..", "../x", "a/b"} {
		r := full("a")
		r.ID = bad
		if err := s.Create(r); err == nil {
			t.Errorf("a record with the id %q was made", bad)
		}
	}
}

func TestSameIdTwiceIsRefused(t *testing.T) {
	s := open(t)
	require.NoError(t, s.Create(full("a")))
	if err := s.Create(full("a")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("want that it exists, got %v", err)
	}
}

func TestRemoveLeavesNothing(t *testing.T) {
	s := open(t)
	r := full("a")
	require.NoError(t, s.Create(r))
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir(r.ID), "x.log"), []byte("x"), 0o600))
	require.NoError(t, s.Remove(r.ID))
	require.NoError(t, s.Remove(r.ID), "a second time is fine")
	entries, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	if len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestOnlyRootLooksInside(t *testing.T) {
	s := open(t)
	r := full("a")
	require.NoError(t, s.Create(r))
	for path, want := range map[string]os.FileMode{
		s.dir: 0o700, s.Dir(r.ID): 0o700, filepath.Join(s.Dir(r.ID), wishFile): 0o600,
	} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o: environments hold passwords", path, got, want)
		}
	}
}
