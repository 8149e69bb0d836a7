package daemon

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"

	"drydock/07-daemon/filter"
	"drydock/07-daemon/lifecycle"
)

// Prune removes every container that does not run and that the filters let
// through.
func (d *Daemon) Prune(ctx context.Context, filters filter.Args) (container.PruneReport, error) {
	report := container.PruneReport{ContainersDeleted: []string{}}
	if err := filters.Only("until", "label", "label!"); err != nil {
		return report, err
	}
	before, err := Until(filters)
	if err != nil {
		return report, err
	}
	for _, b := range d.all() {
		b.mu.Lock()
		s, labels := b.status(), b.record.Config.Labels
		b.mu.Unlock()
		if s != lifecycle.Created && s != lifecycle.Exited && s != lifecycle.Dead {
			continue
		}
		if !filters.Labels("label", labels) || len(filters["label!"]) > 0 && filters.Labels("label!", labels) ||
			!before.IsZero() && !b.record.Created.Before(before) {
			continue
		}
		own, _ := d.sizes(b.id)
		if err := d.Remove(ctx, b.id, RemoveOptions{}); err != nil {
			continue // it runs again, or somebody else removes it
		}
		report.ContainersDeleted = append(report.ContainersDeleted, b.id)
		report.SpaceReclaimed += uint64(own)
	}
	return report, nil
}

// Until reads the filter "until": a duration before now, seconds since 1970,
// or a date. Without it the time is zero.
func Until(filters filter.Args) (time.Time, error) {
	values := filters["until"]
	switch {
	case len(values) == 0:
		return time.Time{}, nil
	case len(values) > 1:
		return time.Time{}, invalid("more than one until filter specified")
	}
	text := values[0]
	if ago, err := time.ParseDuration(text); err == nil {
		return time.Now().Add(-ago), nil
	}
	whole, _, _ := strings.Cut(text, ".")
	if seconds, err := strconv.ParseInt(whole, 10, 64); err == nil {
		return time.Unix(seconds, 0), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return at, nil
		}
	}
	return time.Time{}, invalid("invalid filter 'until=%s'", text)
}
