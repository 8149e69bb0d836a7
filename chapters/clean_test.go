package chapters

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

func listen() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }

func get(c *http.Client, url string) (string, error) {
	resp, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// callAPI is `api METHOD PATH BODY`: a request that not every client can make.
func callAPI(ts *testscript.TestScript, neg bool, args []string) {
	path := strings.TrimPrefix(stageOf(ts).host(), "unix://")
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}}
	defer client.CloseIdleConnections()
	request, err := http.NewRequest(args[0], "http://engine"+args[1], strings.NewReader(args[2]))
	ts.Check(err)
	request.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(request)
	ts.Check(err)
	defer resp.Body.Close()
	_, err = io.Copy(ts.Stdout(), resp.Body)
	ts.Check(err)
	if (resp.StatusCode >= 400) != neg {
		ts.Fatalf("%s %s: %s", args[0], args[1], resp.Status)
	}
}

// wantClean is `clean`: after a stopped engine nothing of it is left on the
// machine. The story must have removed its containers and called stopd.
func wantClean(ts *testscript.TestScript, neg bool, args []string) {
	left, err := stageOf(ts).left()
	ts.Check(err)
	if len(left) > 0 {
		ts.Fatalf("left behind:\n%s", strings.Join(left, "\n"))
	}
}

// left is what the engine of a stage, stopped and without containers, has
// forgotten on the machine.
func (s *stage) left() (left []string, err error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, s.dir) {
			left = append(left, "mount: "+line)
		}
	}
	if _, err := net.InterfaceByName(s.bridge()); err == nil {
		left = append(left, "link: "+s.bridge())
	}
	for _, pattern := range []string{
		filepath.Join(s.engine("run"), "containers", "*"),
		filepath.Join(s.engine("data"), "containers", "*"),
		filepath.Join(s.engine("data"), "images/tmp", "*"),
		filepath.Join("/sys/fs/cgroup", s.group()),
		filepath.Join("/sys/fs/cgroup/*", s.group()),
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		for _, path := range found {
			left = append(left, "file: "+path)
		}
	}
	return append(left, shims(s.engine(""))...), nil
}

// shims are the processes whose open files lie below dir.
func shims(dir string) (found []string) {
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, dir) {
			name, _ := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(link)), "comm"))
			found = append(found, fmt.Sprintf("process: %s has %s open", strings.TrimSpace(string(name)), target))
		}
	}
	return found
}
