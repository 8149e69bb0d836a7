package routes

import (
	"net/http"
	"sync"
	"time"

	"github.com/moby/moby/api/types/jsonstream"

	"drydock/07-daemon/api"
)

// every is how often a layer's progress is told at most: a client draws it,
// and a line a kilobyte would cost more than the layer.
const every = 100 * time.Millisecond

// A message is one line of the stream of pull, push, load, import and build.
// error stands beside errorDetail for clients of before API 1.4x.
type message struct {
	Stream         string               `json:"stream,omitempty"`
	Status         string               `json:"status,omitempty"`
	ProgressDetail *jsonstream.Progress `json:"progressDetail,omitempty"`
	ID             string               `json:"id,omitempty"`
	ErrorDetail    *jsonstream.Error    `json:"errorDetail,omitempty"`
	Error          string               `json:"error,omitempty"`
	Aux            any                  `json:"aux,omitempty"`
}

// A progress is the stream of one long job. Nothing is sent before the first
// line, so that an early error still becomes a status code. It is safe for
// concurrent use.
type progress struct {
	w http.ResponseWriter

	mu     sync.Mutex           // guards all below
	stream *api.Stream          // nil before the first line
	told   map[string]time.Time // when a layer's bytes were last told
}

func newProgress(w http.ResponseWriter) *progress {
	return &progress{w: w, told: map[string]time.Time{}}
}

// send writes one line.
func (p *progress) send(m message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.write(m)
}

// write is send with mu held. A client that went away ends the job through
// its context, not through this error.
func (p *progress) write(m message) {
	if p.stream == nil {
		p.stream = api.NewStream(p.w, "application/json")
	}
	p.stream.JSON(m)
}

// status is a line of its own.
func (p *progress) status(text string) { p.send(message{Status: text}) }

// layer tells how far one layer is. It is an image.Progress.
func (p *progress) layer(id, status string, current, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if current > 0 && current < total {
		if time.Since(p.told[id]) < every {
			return
		}
		p.told[id] = time.Now()
	}
	m := message{ID: id, Status: status, ProgressDetail: &jsonstream.Progress{}}
	if current > 0 || total > 0 {
		m.ProgressDetail = &jsonstream.Progress{Current: current, Total: total}
	}
	p.write(m)
}

// end gives err back while it can still become a status code, and sends it as
// the last line when it cannot.
func (p *progress) end(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil || p.stream == nil {
		return err
	}
	p.write(message{ErrorDetail: &jsonstream.Error{Message: err.Error()}, Error: err.Error()})
	return nil
}

// Write makes p the output of a build: each piece is a "stream" line.
func (p *progress) Write(b []byte) (int, error) {
	p.send(message{Stream: string(b)})
	return len(b), nil
}
