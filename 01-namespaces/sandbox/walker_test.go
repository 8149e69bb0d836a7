package sandbox

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/undo"
)

// perform has a child walk the calls, in no new namespace, and returns what
// it reports. The calls must fail somewhere.
func perform(t *testing.T, calls ...Call) report {
	t.Helper()
	var way undo.Stack
	in, err := inheritProcess(Process{}, Stdio{}, &way)
	require.NoError(t, err)
	box := &Sandbox{pidfd: -1, control: in.ours}
	defer box.Close()
	require.NoError(t, box.prepare(calls, in))
	require.NoError(t, box.clone(0, in))
	way.Run()
	r, ok, err := box.hear()
	require.NoError(t, err)
	require.True(t, ok, "no report: the child ended without a word")
	exit, err := box.Wait()
	require.NoError(t, err)
	require.Equal(t, 125, exit.Code, "whoever reports a failure ends with 125")
	return r
}

func TestWalker(t *testing.T) {
	ok := Call{Name: "umask", Args: []any{0}}
	fail := Call{Name: "chdir", Args: []any{"/nowhere"}} // ENOENT
	end := Call{Name: "fchdir", Args: []any{-1}}         // EBADF
	with := func(c Call, change func(*Call)) Call { change(&c); return c }
	forgiven := with(fail, func(c *Call) { c.When = unix.ENOENT })
	for name, c := range map[string]struct {
		calls []Call
		want  report
	}{
		"a failure ends it":                    {[]Call{ok, fail, end}, report{1, uint64(unix.ENOENT)}},
		"an expected error does not":           {[]Call{forgiven, end}, report{1, uint64(unix.EBADF)}},
		"another error does":                   {[]Call{with(end, func(c *Call) { c.When = unix.ENOENT }), ok}, report{0, uint64(unix.EBADF)}},
		"any error may be forgiven":            {[]Call{with(fail, func(c *Call) { c.When = AnyError }), end}, report{1, uint64(unix.EBADF)}},
		"an expected error skips":              {[]Call{with(forgiven, func(c *Call) { c.Skip = 2 }), fail, fail, end}, report{3, uint64(unix.EBADF)}},
		"success does not skip":                {[]Call{with(ok, func(c *Call) { c.When, c.Skip = unix.ENOENT, 1 }), fail, end}, report{1, uint64(unix.ENOENT)}},
		"unless the skip is meant for success": {[]Call{with(ok, func(c *Call) { c.Skip = 1 }), fail, end}, report{2, uint64(unix.EBADF)}},
		"a good result makes calls needless": {[]Call{with(ok, func(c *Call) { c.Save = "x" }),
			with(fail, func(c *Call) { c.Unless = "x" }), end}, report{2, uint64(unix.EBADF)}},
		"a bad result does not": {[]Call{with(forgiven, func(c *Call) { c.Save = "x" }),
			with(fail, func(c *Call) { c.Unless = "x" }), end}, report{1, uint64(unix.ENOENT)}},
		"a result is an argument": {[]Call{
			{Name: "openat", Args: []any{unix.AT_FDCWD, "/", unix.O_PATH}, Save: "root"},
			{Name: "fchdir", Args: []any{Result("root")}}, {Name: "chdir", Args: []any{"proc"}}, end}, report{3, uint64(unix.EBADF)}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := perform(t, c.calls...); got != c.want {
				t.Errorf("the child reports %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestSpawnersDescriptorsAreClosedAtOnce(t *testing.T) {
	secret, err := unix.Open("/", unix.O_RDONLY, 0) // not even close-on-exec
	require.NoError(t, err)
	defer unix.Close(secret)
	got := perform(t, append(dropInherited(), Call{Name: "fchdir", Args: []any{secret}})...)
	if want := (report{2, uint64(unix.EBADF)}); got != want {
		t.Errorf("the child still has a descriptor of ours: %+v, want %+v", got, want)
	}
}
