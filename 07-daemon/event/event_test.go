package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/stretchr/testify/require"

	"drydock/07-daemon/filter"
)

func message(kind events.Type, action events.Action, id, image string) events.Message {
	return events.Message{Type: kind, Action: action, Actor: events.Actor{ID: id, Attributes: map[string]string{"name": "n-" + id, "image": image}}}
}

var errStop = errors.New("enough")

// collect follows until n events came.
func collect(t *testing.T, b *Bus, q Query, n int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var got []string
	err := b.Follow(ctx, q, func(m events.Message) error {
		if got = append(got, string(m.Action)+" "+m.Actor.ID); len(got) == n {
			return errStop
		}
		return nil
	})
	if err != nil && err != errStop {
		t.Fatal(err)
	}
	return got
}

func TestPastThenLiveWithoutAGap(t *testing.T) {
	var b Bus
	b.Publish(message("container", "create", "1", "i"))
	done := make(chan []string)
	go func() {
		done <- collect(t, &b, Query{Since: time.Unix(1, 0)}, 3)
	}()
	for i := range 2 {
		b.Publish(message("container", "start", fmt.Sprint(i), "i"))
	}
	require.Equal(t, []string{"create 1", "start 0", "start 1"}, <-done)
}

func TestRingKeepsTheLast(t *testing.T) {
	var b Bus
	for i := range kept + 10 {
		b.Publish(message("container", "create", fmt.Sprint(i), ""))
	}
	got := collect(t, &b, Query{Until: time.Now()}, kept+10)
	if len(got) != kept || got[0] != "create 10" {
		t.Errorf("%d events, the first is %s; want the last %d", len(got), got[0], kept)
	}
}

func TestSlowListenerIsLetGo(t *testing.T) {
	var b Bus
	block := make(chan struct{})
	result := make(chan error)
	go func() {
		result <- b.Follow(context.Background(), Query{Since: time.Unix(1, 0)}, func(events.Message) error { <-block; return nil })
	}()
	for {
		b.Publish(message("container", "create", "x", ""))
		b.mu.Lock()
		heard, alone := len(b.past) > 1, len(b.listeners) == 0
		b.mu.Unlock()
		if heard && alone {
			select {
			case block <- struct{}{}: // it listened, and was let go
				close(block)
				if err := <-result; err != ErrSlow {
					t.Errorf("it was told %v", err)
				}
				return
			default: // it has not begun yet
			}
		}
	}
}

func TestFilters(t *testing.T) {
	start := message("container", "start", "abcdef", "img:1")
	start.Scope = "local"
	start.Actor.Attributes["color"] = "red"
	exec := message("container", "exec_start: ls -l", "abcdef", "img:1")
	pull := message("image", "pull", "other:2", "")
	for filters, want := range map[string]string{
		`{}`:                         "start exec pull",
		`{"type":["container"]}`:     "start exec",
		`{"event":["exec_start"]}`:   "exec",
		`{"container":["abc"]}`:      "start exec",
		`{"container":["n-abcdef"]}`: "start exec",
		`{"container":["zzz"]}`:      "",
		`{"image":["img"]}`:          "start exec",
		`{"image":["other"]}`:        "pull",
		`{"label":["color=red"]}`:    "start",
		`{"network":["abc"]}`:        "",
		`{"event":["start","pull"]}`: "start pull",
	} {
		args, err := filter.Parse(filters)
		require.NoError(t, err)
		q := Query{Filters: args}
		require.NoError(t, q.Validate())
		var got []string
		for name, m := range map[string]events.Message{"start": start, "exec": exec, "pull": pull} {
			if q.Match(m) {
				got = append(got, name)
			}
		}
		if len(got) != len(strings.Fields(want)) || !containsAll(got, strings.Fields(want)) {
			t.Errorf("%s lets %v through, want %s", filters, got, want)
		}
	}
	if err := (Query{Filters: filter.Args{"nope": {"1"}}}).Validate(); err == nil {
		t.Error("an unknown filter was accepted")
	}
}

func containsAll(got, want []string) bool {
	for _, w := range want {
		if !strings.Contains(" "+strings.Join(got, " ")+" ", " "+w+" ") {
			return false
		}
	}
	return true
}

func TestWireFormat(t *testing.T) {
	var b Bus
	b.Publish(message("container", "die", "1", "i"))
	text, err := json.Marshal(b.past[0])
	require.NoError(t, err)
	for _, want := range []string{`"Type":"container"`, `"Action":"die"`, `"scope":"local"`, `"time":`, `"timeNano":`, `"Actor":{"ID":"1"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
}
