package image

import (
	"io"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Progress is told about a layer's way: status in Docker's words
// ("Downloading", "Extracting", "Pull complete"), bytes so far and in all.
// It is never called twice at once.
type Progress func(id, status string, current, total int64)

// quiet is the progress of those who do not want to know.
func quiet(string, string, int64, int64) {}

// orderly makes p fit to be called by several layers at once.
func orderly(p Progress) Progress {
	if p == nil {
		return quiet
	}
	var mu sync.Mutex
	return func(id, status string, current, total int64) {
		mu.Lock()
		defer mu.Unlock()
		p(id, status, current, total)
	}
}

// short is a digest as people see it.
func short(h v1.Hash) string { return h.Hex[:min(12, len(h.Hex))] }

// reportEvery is how many bytes pass between two words about a layer.
const reportEvery = 512 << 10

// A meter passes bytes on and reports how many there were.
type meter struct {
	io.Reader
	report func(current int64)
	n      int64
	said   int64
}

// Read implements io.Reader.
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.n += int64(n)
	if m.n-m.said >= reportEvery {
		m.said = m.n
		m.report(m.n)
	}
	return n, err
}
