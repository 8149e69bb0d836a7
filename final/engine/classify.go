package engine

import (
	"errors"
	"io/fs"
	"syscall"

	"github.com/containerd/errdefs"
)

// Classify gives the errors of the chapters the class by which Docker's API
// chooses a status. A chapter that must be told apart speaks a sentence of its
// own that is fs.ErrNotExist, fs.ErrExist or fs.ErrInvalid; what carries an
// errno comes from the kernel and stays a failure of ours, or a missing file
// would become "no such image" and the client would pull.
func Classify(err error) error {
	var errno syscall.Errno
	switch {
	case err == nil, errors.As(err, &errno):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return errdefs.ErrNotFound.WithMessage(err.Error())
	case errors.Is(err, fs.ErrExist):
		return errdefs.ErrConflict.WithMessage(err.Error())
	case errors.Is(err, fs.ErrInvalid):
		return errdefs.ErrInvalidArgument.WithMessage(err.Error())
	case errors.Is(err, fs.ErrPermission):
		return errdefs.ErrPermissionDenied.WithMessage(err.Error())
	}
	return err
}
