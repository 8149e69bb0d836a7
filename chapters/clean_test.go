package chapters

import (
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

// wantClean is `clean`: after a stopped engine nothing of it is left on the
// machine. The story must have removed its containers and called stopd.
func wantClean(ts *testscript.TestScript, neg bool, args []string) {
	s := stageOf(ts)
	var left []string
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	ts.Check(err)
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, s.dir) {
			left = append(left, "mount: "+line)
		}
	}
	links, err := net.Interfaces()
	ts.Check(err)
	for _, l := range links {
		if l.Name == fmt.Sprintf("dry%d", s.number) {
			left = append(left, "link: "+l.Name)
		}
	}
	for _, dir := range []string{"run/containers", "data/containers"} {
		entries, _ := os.ReadDir(filepath.Join(s.dir, ".engine", dir))
		for _, e := range entries {
			left = append(left, "file: "+filepath.Join(dir, e.Name()))
		}
	}
	left = append(left, shims(filepath.Join(s.dir, ".engine"))...)
	if len(left) > 0 {
		ts.Fatalf("left behind:\n%s", strings.Join(left, "\n"))
	}
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
