package client

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
)

// A Conn is a connection that has become the streams of a process: what is
// written is its input, what is read its output, in frames unless it has a
// terminal. Close it.
type Conn struct {
	net.Conn
	reader *bufio.Reader // may hold the first bytes behind the headers
	// Framed says whether the output comes in frames (no terminal).
	Framed bool
}

// Read reads output.
func (c *Conn) Read(p []byte) (int, error) { return c.reader.Read(p) }

// CloseWrite tells the process that its input has ended; its output goes on.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Hijack sends r and takes the connection over.
func (c *Client) Hijack(ctx context.Context, r Request) (*Conn, error) {
	request, err := r.http(ctx)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "tcp")
	x, err := c.send(request)
	if err != nil {
		return nil, err
	}
	if x.resp.StatusCode != http.StatusSwitchingProtocols && x.resp.StatusCode != http.StatusOK {
		defer x.Close()
		return nil, refusal(x.resp)
	}
	x.stop() // from now on the connection is the caller's
	framed := x.resp.Header.Get("Content-Type") != "application/vnd.docker.raw-stream"
	return &Conn{Conn: x.conn, reader: x.reader, Framed: framed}, nil
}

var _ io.ReadWriteCloser = (*Conn)(nil)
