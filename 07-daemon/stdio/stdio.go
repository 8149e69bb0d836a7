// Package stdio is what becomes of a container's output and input: frames on
// the attach stream, lines in the log file, and the keys that detach.
//
// A log is written in Docker's format, so that tools that read one read ours:
// one JSON object a line. What is written is what came out of the container:
// the log fields of one stream, put together, are its bytes again. Invalid
// UTF-8 is the one exception, JSON has no way to say it.
//
// Writing is short on purpose. The shim reads up to 64 KiB from the pipe,
// encodes every line of it into one buffer that is used again, and writes
// once; no line costs an allocation or a system call of its own.
//
// Who follows a log sleeps on inotify(7), so the files that read one are
// Linux's; the frames are for the client too, and build wherever Go does.
package stdio

// A Stream is one of the three standard streams, as frames number them.
type Stream byte

// The streams. SystemErr carries an error of the engine itself.
const (
	Stdin Stream = iota
	Stdout
	Stderr
	SystemErr
)

// String is the name that the log file uses.
func (s Stream) String() string {
	switch s {
	case Stdin:
		return "stdin"
	case Stdout:
		return "stdout"
	case Stderr:
		return "stderr"
	}
	return "system"
}

// stream is the way back from String, for the two that a log holds.
func stream(name []byte) (Stream, bool) {
	switch string(name) {
	case "stdout":
		return Stdout, true
	case "stderr":
		return Stderr, true
	}
	return 0, false
}
