package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/containerd/errdefs"
)

// The kinds that a client must be told apart. Everything that is not one of
// them reaches it as an internal error, however it came about: ENOENT of a
// mount is no "no such container".

func invalid(format string, args ...any) error {
	return errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf(format, args...))
}

func conflict(format string, args ...any) error {
	return errdefs.ErrConflict.WithMessage(fmt.Sprintf(format, args...))
}

func notFound(format string, args ...any) error {
	return errdefs.ErrNotFound.WithMessage(fmt.Sprintf(format, args...))
}

func notModified(format string, args ...any) error {
	return errdefs.ErrNotModified.WithMessage(fmt.Sprintf(format, args...))
}

// An ExitError says that a step of a build ended with another code than 0.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("exit code: %d", e.Code) }

// taskPrefix is what Docker puts before the reason why a program could not be
// started; its client derives the exit code from the words behind it.
const taskPrefix = "failed to create task for container: failed to create shim task: OCI runtime create failed: " +
	"runc create failed: unable to start container process: "

// initPrefix follows when the reason was found inside the container.
const initPrefix = taskPrefix + "error during container init: "

// A programError is why the shim could not make the container or start its
// program, in the sandbox's words.
type programError struct{ error }

func (e *programError) Unwrap() error { return e.error }

// startError puts the reason of a failed start into Docker's words and finds
// the exit code that the container keeps: 127 if the program is missing, 126
// if it cannot be executed, 128 for everything else.
func startError(cause error) (code int, err error) {
	if !errors.As(cause, new(*programError)) {
		return 128, cause
	}
	text := cause.Error()
	program := strings.HasPrefix(text, "exec")
	switch {
	case strings.HasPrefix(text, "unable to find "): // a user or a group: Docker looks itself, before its runtime does
		return 128, cause
	case program && errors.Is(cause, fs.ErrNotExist):
		return 127, invalid("%s%s: unknown", initPrefix, text)
	case program:
		return 126, invalid("%s%s: unknown", initPrefix, text)
	default:
		return 128, fmt.Errorf("%s%w: unknown", taskPrefix, cause)
	}
}
