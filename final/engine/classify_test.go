package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"syscall"
	"testing"

	"drydock/07-daemon/api"
)

// A notFound is a chapter's own sentence for what is not there.
type notFound struct{}

func (notFound) Error() string        { return "No such image: x" }
func (notFound) Is(target error) bool { return target == fs.ErrNotExist }

func TestOnlyOurOwnWordsBecomeAStatus(t *testing.T) {
	_, kernel := os.Open("/no/such/file")
	for _, c := range []struct {
		err  error
		want int
	}{
		{notFound{}, http.StatusNotFound},
		{fmt.Errorf("get: %w", notFound{}), http.StatusNotFound},
		{fmt.Errorf("create: %w", fs.ErrExist), http.StatusConflict},
		{fmt.Errorf("parse: %w", fs.ErrInvalid), http.StatusBadRequest},
		{fmt.Errorf("remove: %w", fs.ErrPermission), http.StatusForbidden},
		{errors.New("anything"), http.StatusInternalServerError},
		// The client would take a 404 for a missing image, and pull.
		{kernel, http.StatusInternalServerError},
		{fmt.Errorf("mount overlay: %w", syscall.ENOENT), http.StatusInternalServerError},
		{fmt.Errorf("mkdir: %w", syscall.EEXIST), http.StatusInternalServerError},
		{fmt.Errorf("setns: %w", syscall.EPERM), http.StatusInternalServerError},
	} {
		w := httptest.NewRecorder()
		api.WriteError(w, Classify(c.err))
		if w.Code != c.want {
			t.Errorf("%v: status %d, want %d", c.err, w.Code, c.want)
		}
		if got := Classify(c.err).Error(); got != c.err.Error() {
			t.Errorf("the sentence became %q", got)
		}
	}
	if Classify(nil) != nil {
		t.Error("nothing became an error")
	}
}
