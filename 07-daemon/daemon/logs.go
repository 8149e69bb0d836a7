package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/errdefs"

	"drydock/07-daemon/lifecycle"
	"drydock/07-daemon/stdio"
)

// Terminal says whether a container has a terminal: its streams are raw then.
func (d *Daemon) Terminal(ref string) (bool, error) {
	b, err := d.open(ref)
	if err != nil {
		return false, err
	}
	defer b.mu.Unlock()
	return b.record.Config.Tty, nil
}

// Logs writes what a container has said: as frames, or raw if it has a
// terminal. Following ends with the container or with ctx.
func (d *Daemon) Logs(ctx context.Context, ref string, o LogOptions, w io.Writer) error {
	path, raw, query, err := d.logQuery(ref, o)
	if err != nil {
		return err
	}
	reader, err := stdio.ReadLog(path, query)
	if err != nil {
		return err
	}
	defer reader.Close()
	if _, err := w.Write(nil); err != nil { // there is a log: the answer may begin
		return err
	}
	buffer := bufio.NewWriterSize(w, 64<<10)
	p := printer{out: buffer, stamps: o.Timestamps, raw: raw}
	for {
		e, err := reader.Next(ctx)
		if errors.Is(err, io.EOF) || errors.Is(err, context.Canceled) {
			return buffer.Flush()
		}
		if err != nil {
			return errors.Join(err, buffer.Flush())
		}
		if e.Stream == stdio.Stdout && !o.Stdout || e.Stream == stdio.Stderr && !o.Stderr {
			continue
		}
		if err := p.print(e); err != nil {
			return err
		}
		if query.Follow {
			if err := buffer.Flush(); err != nil {
				return err
			}
		}
	}
}

// logQuery finds the log of a container and what to read of it.
func (d *Daemon) logQuery(ref string, o LogOptions) (path string, raw bool, q stdio.Query, err error) {
	b, err := d.open(ref)
	if err != nil {
		return "", false, q, err
	}
	defer b.mu.Unlock()
	if b.record.LogPath == "" {
		return "", false, q, errdefs.ErrNotImplemented.WithMessage("configured logging driver does not support reading")
	}
	s := b.status()
	q = stdio.Query{Tail: o.Tail, Since: o.Since, Until: o.Until, Ended: b.rest.done}
	q.Follow = o.Follow && (s.Alive() || s == lifecycle.Restarting)
	return b.record.LogPath, b.record.Config.Tty, q, nil
}

// stampFormat has a fixed width, so that lines are aligned.
const stampFormat = "2006-01-02T15:04:05.000000000Z07:00"

// A printer writes entries of a log as a client wants them.
type printer struct {
	out         io.Writer
	stamps, raw bool
	head        [stdio.HeaderSize]byte
}

func (p *printer) print(e *stdio.Entry) error {
	stamp := ""
	if p.stamps {
		stamp = e.Time.UTC().Format(stampFormat) + " "
	}
	if !p.raw {
		stdio.PutHeader(p.head[:], e.Stream, len(stamp)+len(e.Line))
		if _, err := p.out.Write(p.head[:]); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprint(p.out, stamp); err != nil {
		return err
	}
	_, err := p.out.Write(e.Line)
	return err
}
