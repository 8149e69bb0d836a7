package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// put brings a layer into the repository in the cheapest way and tells, in
// Docker's words, which one it was: it is there already, another repository
// lends it, or its bytes are sent. report is told the bytes sent so far.
func (s *session) put(ctx context.Context, layer v1.Layer, sources []string, report func(int64)) (string, error) {
	u, err := s.newUpload(ctx, layer, report)
	if err != nil {
		return "", err
	}
	if there, err := u.exists(); err != nil || there {
		return "Layer already exists", err
	}
	for _, from := range sources {
		mounted, err := u.start(url.Values{"mount": {u.digest.String()}, "from": {from}})
		if err != nil || mounted {
			return "Mounted from " + from, err
		}
	}
	return "Pushed", u.send()
}

// An upload is one blob on its way.
type upload struct {
	ctx     context.Context
	session *session
	layer   v1.Layer
	digest  v1.Hash
	size    int64
	report  func(int64)

	location *url.URL // of the upload at the registry, once started
	offset   int64    // bytes that the registry has confirmed
}

func (s *session) newUpload(ctx context.Context, layer v1.Layer, report func(int64)) (*upload, error) {
	digest, err := layer.Digest()
	if err != nil {
		return nil, err
	}
	size, err := layer.Size()
	return &upload{ctx: ctx, session: s, layer: layer, digest: digest, size: size, report: report}, err
}

func (u *upload) exists() (bool, error) {
	resp, err := u.session.send(u.ctx, "HEAD", u.session.path("blobs", u.digest.String()), nil)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return true, nil
	case http.StatusNotFound:
		return false, nil
	}
	return false, refusal(resp)
}

// start opens an upload. Asked to mount, a registry that will not or cannot
// opens an ordinary upload instead, which is then used.
func (u *upload) start(query url.Values) (mounted bool, err error) {
	address := u.session.path("blobs", "uploads/")
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	resp, err := u.session.send(u.ctx, "POST", address, nil)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusCreated && len(query) > 0 {
		return true, nil
	}
	u.offset = 0
	return false, u.follow(resp, http.StatusAccepted)
}

// follow takes the upload's next address from a response: registries keep
// their state in it, so each answer's Location replaces the last.
func (u *upload) follow(resp *http.Response, want int) error {
	if resp.StatusCode != want {
		return refusal(resp)
	}
	location, err := resp.Location()
	if err != nil {
		return fmt.Errorf("upload %s: the registry names no place for it: %w", u.digest, err)
	}
	if u.session.base.Scheme == "https" && location.Scheme != "https" {
		return fmt.Errorf("upload %s: the registry sends us out of TLS to %s: refused", u.digest, location.Host)
	}
	u.location = location
	return nil
}

// send uploads the bytes, whole or in chunks. After a broken connection it
// starts over: what of a body has arrived is known to the registry alone.
func (u *upload) send() error {
	for attempt := 0; ; attempt++ {
		resp, err := u.attempt()
		if err == nil && resp.StatusCode == http.StatusCreated {
			return resp.Body.Close()
		}
		delay, again := pause(resp, err, attempt)
		if err == nil {
			err = refusal(resp)
			resp.Body.Close()
		}
		if !again || u.ctx.Err() != nil {
			return fmt.Errorf("upload %s: %w", u.digest, err)
		}
		if err := u.session.client.wait(u.ctx, delay); err != nil {
			return err
		}
		u.location = nil
	}
}

// attempt sends all chunks but the last with PATCH and the last with PUT,
// which also says what all of it should be. A blob that is not cut is its own
// last chunk. The response is the last one, or the first that is no success.
func (u *upload) attempt() (*http.Response, error) {
	if u.location == nil {
		if _, err := u.start(nil); err != nil {
			return nil, err
		}
	}
	body, err := u.layer.Compressed()
	if err != nil {
		return nil, err
	}
	defer body.Close()
	chunk := u.session.client.Chunk
	for chunk > 0 && u.size-u.offset > chunk {
		resp, err := u.request("PATCH", u.location, body, chunk)
		if err != nil || resp.StatusCode != http.StatusAccepted {
			return resp, err
		}
		resp.Body.Close()
		if err := u.follow(resp, http.StatusAccepted); err != nil {
			return nil, err
		}
		u.offset += chunk
	}
	end := *u.location
	query := end.Query()
	query.Set("digest", u.digest.String())
	end.RawQuery = query.Encode()
	return u.request("PUT", &end, body, u.size-u.offset)
}

// request sends the next n bytes of body.
func (u *upload) request(method string, to *url.URL, body io.Reader, n int64) (*http.Response, error) {
	counted := &counter{r: io.LimitReader(body, n), n: u.offset, report: u.report}
	req, err := http.NewRequestWithContext(u.ctx, method, to.String(), io.NopCloser(counted))
	if err != nil {
		return nil, err
	}
	req.ContentLength = n
	if n == 0 {
		req.Body = http.NoBody
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	if n < u.size {
		req.Header.Set("Content-Range", fmt.Sprintf("%d-%d", u.offset, u.offset+n-1))
	}
	if u.offset == 0 && n == u.size {
		req.GetBody = u.again // for a redirect, or a token that ran out
	}
	return u.session.once(req)
}

// again opens the whole blob anew.
func (u *upload) again() (io.ReadCloser, error) {
	body, err := u.layer.Compressed()
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{&counter{r: body, report: u.report}, body}, nil
}

// counter reports how much was read, not at every read but every half megabyte.
type counter struct {
	r       io.Reader
	n, last int64
	report  func(int64)
}

// Read implements io.Reader.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.n-c.last >= 512<<10 || n > 0 && errors.Is(err, io.EOF) {
		c.last = c.n
		c.report(c.n)
	}
	return n, err
}
