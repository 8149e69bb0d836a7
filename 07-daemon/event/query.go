package event

import (
	"strings"
	"time"

	"github.com/moby/moby/api/types/events"

	"drydock/07-daemon/filter"
)

// A Query says which events somebody wants.
type Query struct {
	Since, Until time.Time // zero: from now on, without end
	Filters      filter.Args
}

// keys are the filters that /events knows.
var keys = []string{"container", "daemon", "event", "image", "label", "network", "plugin", "scope", "type", "volume"}

// Validate refuses filters that do not exist.
func (q Query) Validate() error { return q.Filters.Only(keys...) }

// Match says whether m is one of them.
func (q Query) Match(m events.Message) bool {
	at := time.Unix(0, m.TimeNano)
	if !q.Since.IsZero() && at.Before(q.Since) || !q.Until.IsZero() && at.After(q.Until) {
		return false
	}
	return q.Filters.Any("event", func(want string) bool { return isAction(m.Action, want) }) &&
		q.Filters.Exact("type", string(m.Type)) &&
		q.Filters.Exact("scope", m.Scope) &&
		q.Filters.Labels("label", m.Actor.Attributes) &&
		q.about(m)
}

// about checks the filters that name one thing: each applies to events of its
// own kind and lets no other kind through.
func (q Query) about(m events.Message) bool {
	for _, kind := range []events.Type{"container", "daemon", "network", "plugin", "volume"} {
		wanted := q.Filters[string(kind)]
		if len(wanted) > 0 && !(m.Type == kind && isActor(m.Actor, wanted)) {
			return false
		}
	}
	return len(q.Filters["image"]) == 0 || isImage(m, q.Filters["image"])
}

// isAction compares "exec_start: ls" with "exec_start" too.
func isAction(a events.Action, want string) bool {
	return string(a) == want || strings.HasPrefix(string(a), want+":")
}

func isActor(actor events.Actor, wanted []string) bool {
	for _, want := range wanted {
		if want == "" {
			continue
		}
		if strings.HasPrefix(actor.ID, want) || actor.Attributes["name"] == strings.TrimPrefix(want, "/") {
			return true
		}
	}
	return false
}

// isImage matches events of an image and of containers made from it, with or
// without the tag.
func isImage(m events.Message, wanted []string) bool {
	names := []string{m.Actor.Attributes["image"]}
	if m.Type == events.ImageEventType {
		names = []string{m.Actor.ID, m.Actor.Attributes["name"]}
	}
	for _, name := range names {
		for _, want := range wanted {
			if name != "" && (name == want || untagged(name) == want) {
				return true
			}
		}
	}
	return false
}

// untagged is name without ":tag"; a colon before the last slash belongs to a
// port.
func untagged(name string) string {
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		return name[:i]
	}
	return name
}
