// Package event tells whoever listens what happens in the engine, in the
// words of Docker's /events.
package event

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/moby/moby/api/types/events"
)

// kept is how many past events a newcomer can still ask for.
const kept = 256

// backlog is how far a listener may fall behind before it is let go: a
// client that stopped reading must not make the engine wait.
const backlog = 1024

// ErrSlow tells a listener that it fell too far behind.
var ErrSlow = errors.New("too many events unread")

// A Bus hands every published event to every listener, in one order. The zero
// Bus is ready. It is safe for concurrent use.
type Bus struct {
	mu        sync.Mutex // guards all below
	past      []events.Message
	listeners map[chan events.Message]struct{}
}

// Publish sends an event. Its time is filled in when it is missing.
func (b *Bus) Publish(m events.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.TimeNano == 0 {
		now := time.Now()
		m.Time, m.TimeNano = now.Unix(), now.UnixNano()
	}
	if m.Scope == "" {
		m.Scope = "local"
	}
	if len(b.past) == kept {
		b.past = b.past[:copy(b.past, b.past[1:])]
	}
	b.past = append(b.past, m)
	for c := range b.listeners {
		select {
		case c <- m:
		default:
			b.drop(c)
		}
	}
}

// drop closes the channel of a listener once. mu is held.
func (b *Bus) drop(c chan events.Message) {
	if _, ok := b.listeners[c]; ok {
		delete(b.listeners, c)
		close(c)
	}
}

// Follow calls emit for the past events that q asks for and then for each new
// one, until ctx ends, q.Until has come, or emit fails. It does not miss or
// repeat an event in between.
func (b *Bus) Follow(ctx context.Context, q Query, emit func(events.Message) error) error {
	past, live := b.listen()
	defer b.leave(live)
	if !q.Until.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, q.Until)
		defer cancel()
	}
	if !q.Since.IsZero() || !q.Until.IsZero() {
		for _, m := range past {
			if q.Match(m) {
				if err := emit(m); err != nil {
					return err
				}
			}
		}
	}
	return follow(ctx, q, live, emit)
}

func follow(ctx context.Context, q Query, live <-chan events.Message, emit func(events.Message) error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case m, ok := <-live:
			if !ok {
				return ErrSlow
			}
			if !q.Match(m) {
				continue
			}
			if err := emit(m); err != nil {
				return err
			}
		}
	}
}

func (b *Bus) listen() ([]events.Message, chan events.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := make(chan events.Message, backlog)
	if b.listeners == nil {
		b.listeners = map[chan events.Message]struct{}{}
	}
	b.listeners[c] = struct{}{}
	return append([]events.Message(nil), b.past...), c
}

func (b *Bus) leave(c chan events.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(c)
}
