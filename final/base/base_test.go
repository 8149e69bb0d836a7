package base

import (
	"io"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func TestATreeThatWasNotBuiltSaysWhatToDo(t *testing.T) {
	_, err := open(fstest.MapFS{"image/README.md": {Data: []byte("a placeholder")}})
	require.ErrorIs(t, err, ErrNotBuilt)
	if err.Error() != "the base image was not built: run make build" {
		t.Errorf("a user reads %q and does not learn what to do", err)
	}
}

func TestTheEmbeddedArchiveIsHandedOut(t *testing.T) {
	f, err := open(fstest.MapFS{"image/base.tar": {Data: []byte("an archive")}})
	require.NoError(t, err)
	defer f.Close()
	text, err := io.ReadAll(f)
	require.NoError(t, err)
	if string(text) != "an archive" {
		t.Errorf("got %q, not what was embedded", text)
	}
}
