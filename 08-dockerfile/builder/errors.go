package builder

import (
	"fmt"
	"io/fs"

	"drydock/08-dockerfile/dockerfile"
)

// refusal is what the Dockerfile or the context are to blame for. It reads as
// a sentence and is fs.ErrInvalid to errors.Is.
type refusal string

func (e refusal) Error() string        { return string(e) }
func (e refusal) Is(target error) bool { return target == fs.ErrInvalid }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// absent is the refusal of an instruction that this builder does not build.
func (w *build) absent(in dockerfile.Instruction, what string) error {
	return refuse("%s, line %d: %s: this builder does not know %s yet", w.Dockerfile, in.Line, in.Name, what)
}
