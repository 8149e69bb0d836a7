package image

import (
	"slices"
	"time"
)

// A HistoryEntry is one line of `docker history`.
type HistoryEntry struct {
	ID        string // of the image on top, "<missing>" for what is below
	Created   time.Time
	CreatedBy string
	Comment   string
	Size      int64
	Tags      []string
}

// History tells how the image came to be, last step first. Steps that only
// changed the config have no layer and no size.
func (img *Image) History() []HistoryEntry {
	var lines []HistoryEntry
	next := 0
	for _, h := range img.content.config.History {
		line := HistoryEntry{ID: "<missing>", Created: h.Created.Time, CreatedBy: h.CreatedBy, Comment: h.Comment}
		if !h.EmptyLayer && next < len(img.sizes) {
			line.Size = img.sizes[next]
			next++
		}
		lines = append(lines, line)
	}
	slices.Reverse(lines)
	if len(lines) > 0 {
		lines[0].ID, lines[0].Tags = img.ID.String(), img.Names
	}
	return lines
}
