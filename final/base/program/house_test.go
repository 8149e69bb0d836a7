// Package program tests the programs of the base image from outside: they are
// built as for the image and run under their names in an empty directory.
package program

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/final/base/pack"
)

// house is where the programs and their links lie, as /bin does in the image.
var house string

func TestMain(m *testing.M) { os.Exit(build(m)) }

// build makes the programs once for all tests.
func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "base-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = pack.Build("../..", dir, runtime.GOARCH)
	}
	for program, links := range pack.Links() {
		for _, link := range links {
			err = errors.Join(err, os.Symlink(program, filepath.Join(dir, link)))
		}
	}
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		return 1
	}
	house = dir
	return m.Run()
}

// A result is what a script left behind.
type result struct {
	out, err string
	code     int
}

// sh runs a script in an empty directory and gives it a generous end.
func sh(t *testing.T, script string, words ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(house, "sh"), append([]string{"-c", script}, words...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = []string{"PATH=" + house, "HOME=/", "TZ=UTC"}
	return finish(t, cmd, ctx)
}

// finish runs a command and reads what it says.
func finish(t *testing.T, cmd *exec.Cmd, ctx context.Context) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	require.NoError(t, ctx.Err(), "%v hangs", cmd.Args)
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// lines joins lines as a program prints them.
func lines(all ...string) string { return strings.Join(all, "\n") + "\n" }

// TestSourcesAreNotCached looks at the sources, so that go test, which knows
// nothing of what TestMain builds, runs again when one of them changes.
func TestSourcesAreNotCached(t *testing.T) {
	for program := range pack.Links() {
		sources, err := filepath.Glob("../" + program + "/*.go")
		require.NoError(t, err)
		require.NotEmpty(t, sources)
		for _, source := range sources {
			_, err := os.ReadFile(source)
			require.NoError(t, err)
		}
	}
}
