// Package undo remembers the way back, so that a long job reads as a list of
// steps and a failure in the middle leaves nothing behind.
package undo

// A Stack holds the steps that take back what was done so far. The zero
// Stack is empty and ready. It is not safe for concurrent use.
type Stack []func()

// Push adds the step that takes back what was just done.
func (s *Stack) Push(step func()) { *s = append(*s, step) }

// If walks the way back, last step first, when *err is an error, and does
// nothing otherwise. Use it as: defer undo.If(&err)
func (s *Stack) If(err *error) {
	if *err != nil {
		s.Run()
	}
}

// Run walks the way back, last step first, and leaves the stack empty.
func (s *Stack) Run() {
	for i := len(*s) - 1; i >= 0; i-- {
		(*s)[i]()
	}
	*s = nil
}
