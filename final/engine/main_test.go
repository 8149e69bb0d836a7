package engine

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/01-namespaces/sandboxtest"
)

func TestMain(m *testing.M) { sandboxtest.Main(m, nil) }

// open opens an engine without networks in dir.
func open(t *testing.T, dir string) *Engine {
	t.Helper()
	sandboxtest.NeedRoot(t)
	self, err := os.Executable()
	require.NoError(t, err)
	e, err := Open(Config{
		Root: filepath.Join(dir, "data"), ExecRoot: filepath.Join(dir, "run"), Shim: self, Bridge: "none",
		CgroupParent: "drydock-engine-test", Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	require.NoError(t, err)
	return e
}
