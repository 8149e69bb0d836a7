package sandbox

// A report is what the child says about itself over the control socket: the
// number of a call and how it failed.
type report struct{ call, errno uint64 }

// ready is the report of a child that waits at its gate.
var ready = report{call: ^uint64(0)}

// bytes is the report as it travels.
func (r report) bytes() []byte { return words(r.call, r.errno) }
