package api

import (
	"errors"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"

	"drydock/07-daemon/daemon"
	"drydock/07-daemon/event"
	"drydock/07-daemon/stdio"
)

func (s server) logs(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	terminal, err := s.d.Terminal(name)
	if err != nil {
		return err
	}
	o, err := logOptions(r)
	if err != nil {
		return err
	}
	if !o.Stdout && !o.Stderr {
		return errdefs.ErrInvalidArgument.WithMessage("Bad parameters: you must choose at least one stream")
	}
	out := &late{start: func() *Stream { return NewStream(w, streamType(r, terminal)) }}
	if err := s.d.Logs(r.Context(), name, o, out); err != nil {
		if out.stream == nil {
			return err
		}
		return answered(err)
	}
	return nil
}

// late begins the answer with the first Write, be it of nothing, so that an
// error before it can still have a status of its own.
type late struct {
	start  func() *Stream
	stream *Stream
}

func (l *late) Write(p []byte) (int, error) {
	if l.stream == nil {
		l.stream = l.start()
	}
	return l.stream.Write(p)
}

func logOptions(r *http.Request) (o daemon.LogOptions, err error) {
	o = daemon.LogOptions{
		Stdout: Bool(r, "stdout"), Stderr: Bool(r, "stderr"), Follow: Bool(r, "follow"),
		Timestamps: Bool(r, "timestamps"), Details: Bool(r, "details"), Tail: -1,
	}
	q := r.URL.Query()
	if n, err := strconv.Atoi(q.Get("tail")); err == nil && n >= 0 {
		o.Tail = n
	}
	if o.Since, err = moment(q.Get("since")); err != nil {
		return o, err
	}
	o.Until, err = moment(q.Get("until"))
	return o, err
}

// moment reads seconds since 1970 with a fraction; empty and 0 are no moment.
func moment(text string) (time.Time, error) {
	if text == "" || text == "0" {
		return time.Time{}, nil
	}
	whole, fraction, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return t, nil
		}
		return time.Time{}, errdefs.ErrInvalidArgument.WithMessage("invalid time: " + strconv.Quote(text))
	}
	nanos, err := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if err != nil {
		return time.Time{}, errdefs.ErrInvalidArgument.WithMessage("invalid time: " + strconv.Quote(text))
	}
	return time.Unix(seconds, nanos), nil
}

func (s server) attach(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	terminal, err := s.d.Attachable(name)
	if err != nil {
		return err
	}
	o := daemon.AttachOptions{
		Logs: Bool(r, "logs"), Stream: Bool(r, "stream"), Stdin: Bool(r, "stdin"), Stdout: Bool(r, "stdout"), Stderr: Bool(r, "stderr"),
		DetachKeys: r.URL.Query().Get("detachKeys"),
	}
	if o.DetachKeys != "" {
		if _, err := stdio.ParseKeys(o.DetachKeys); err != nil {
			return errdefs.ErrInvalidArgument.WithMessage("Invalid detach keys (" + o.DetachKeys + ") provided")
		}
	}
	ctx := r.Context()
	return hijack(w, r, streamType(r, terminal), func(conn *os.File, greet func() error) error {
		o.Greet = greet
		return s.d.Attach(ctx, name, o, conn)
	})
}

func size(r *http.Request) (rows, columns uint16, err error) {
	h, err := number(r, "h", 0)
	if err != nil {
		return 0, 0, err
	}
	w, err := number(r, "w", 0)
	if err == nil && (h < 0 || w < 0 || h > 1<<16-1 || w > 1<<16-1) {
		err = errdefs.ErrInvalidArgument.WithMessage("invalid size of a terminal")
	}
	return uint16(h), uint16(w), err
}

func (s server) resize(w http.ResponseWriter, r *http.Request) error {
	rows, columns, err := size(r)
	if err != nil {
		return err
	}
	if err := s.d.Resize(r.PathValue("name"), rows, columns); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (s server) execCreate(w http.ResponseWriter, r *http.Request) error {
	var request container.ExecCreateRequest
	if err := ReadJSON(r, &request); err != nil {
		return err
	}
	id, err := s.d.ExecCreate(r.PathValue("name"), request)
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusCreated, container.ExecCreateResponse{ID: id})
}

// execStart answers a detached start at once. Otherwise the connection is the
// stream, and what goes wrong from there on is said on it.
func (s server) execStart(w http.ResponseWriter, r *http.Request) error {
	var request container.ExecStartRequest
	if err := ReadJSON(r, &request); err != nil {
		return err
	}
	id := r.PathValue("id")
	terminal, err := s.d.ExecTerminal(id)
	if err != nil {
		return err
	}
	if request.Detach {
		if err := s.d.ExecStart(r.Context(), id, request, nil); err != nil {
			return err
		}
		w.WriteHeader(http.StatusOK)
		return nil
	}
	ctx := r.Context()
	return hijack(w, r, streamType(r, terminal), func(conn *os.File, greet func() error) error {
		if err := greet(); err != nil {
			return errors.Join(err, conn.Close())
		}
		voice := descriptorCopy(conn)
		err := s.d.ExecStart(ctx, id, request, conn)
		return say(voice, err, terminal)
	})
}

func (s server) execResize(w http.ResponseWriter, r *http.Request) error {
	rows, columns, err := size(r)
	if err != nil {
		return err
	}
	if err := s.d.ExecResize(r.PathValue("id"), rows, columns); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func (s server) execInspect(w http.ResponseWriter, r *http.Request) error {
	answer, err := s.d.ExecInspect(r.PathValue("id"))
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, answer)
}

func (s server) events(w http.ResponseWriter, r *http.Request) error {
	filters, err := Filters(r)
	if err != nil {
		return err
	}
	q := event.Query{Filters: filters}
	if q.Since, err = moment(r.URL.Query().Get("since")); err != nil {
		return err
	}
	if q.Until, err = moment(r.URL.Query().Get("until")); err != nil {
		return err
	}
	if err := q.Validate(); err != nil {
		return err
	}
	stream := NewStream(w, "application/json")
	return answered(s.d.Events().Follow(r.Context(), q, func(m events.Message) error { return stream.JSON(m) }))
}

// say tells a client on its stream why there will be none.
func say(conn *os.File, err error, terminal bool) error {
	if conn == nil {
		return err
	}
	defer conn.Close()
	if err == nil {
		return nil
	}
	text := []byte(err.Error() + "\r\n")
	if terminal {
		conn.Write(text)
		return err
	}
	(&stdio.FrameWriter{To: conn, Stream: stdio.Stdout}).Write(text)
	return err
}
