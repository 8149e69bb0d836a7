package cli

import (
	"archive/tar"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A builds is a daemon that keeps what POST /build sends and answers lines.
type builds struct {
	query url.Values
	files map[string]string // of the context; directories end in "/"
	say   string
}

func (b *builds) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.query, b.files = r.URL.Query(), map[string]string{}
	for archive := tar.NewReader(r.Body); ; {
		h, err := archive.Next()
		if err != nil {
			break
		}
		text, _ := io.ReadAll(archive)
		b.files[h.Name] = string(text) + h.Linkname
	}
	io.WriteString(w, b.say)
}

// send runs `drydock build` with args against b, with input.
func (b *builds) send(t *testing.T, input string, args ...string) (status int, out, errOut string) {
	t.Helper()
	f := newFake(t, map[string]http.HandlerFunc{"POST /build": b.ServeHTTP})
	t.Setenv("DOCKER_HOST", "unix://"+f.socket)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	var files [3]*os.File
	for i := range files {
		var err error
		files[i], err = os.Create(filepath.Join(t.TempDir(), "stream"))
		require.NoError(t, err)
		defer files[i].Close()
	}
	_, err := files[0].WriteString(input)
	require.NoError(t, err)
	_, err = files[0].Seek(0, io.SeekStart)
	require.NoError(t, err)
	status = Main(append([]string{"build"}, args...), files[0], files[1], files[2])
	text, err := os.ReadFile(files[1].Name())
	require.NoError(t, err)
	complaint, err := os.ReadFile(files[2].Name())
	require.NoError(t, err)
	return status, string(text), string(complaint)
}

// tree writes files below a new directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	return dir
}

func (b *builds) names() (names []string) {
	for name := range b.files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestBuildSendsWhatIsNotIgnored(t *testing.T) {
	dir := tree(t, map[string]string{
		"Dockerfile": "FROM x", ".dockerignore": "*.log\nskip\n!skip/back\nDockerfile\n.dockerignore\ngone\n",
		"a": "1", "b.log": "", "skip/x": "", "skip/back": "2", "gone/x": "",
	})
	require.NoError(t, os.Symlink("/etc/passwd", filepath.Join(dir, "link")))
	b := &builds{}
	status, _, complaint := b.send(t, "", dir)
	require.Zero(t, status, complaint)
	require.Equal(t, []string{".dockerignore", "Dockerfile", "a", "link", "skip/back"}, b.names())
	if b.files["link"] != "/etc/passwd" {
		t.Errorf("a link must be sent as a link, not as what it leads to: %q", b.files["link"])
	}
}

func TestBuildOptionsOnTheWire(t *testing.T) {
	t.Setenv("FROM_ENVIRONMENT", "e")
	dir := tree(t, map[string]string{"Dockerfile": "FROM x", "sub/File": "FROM y"})
	b := &builds{}
	status, _, complaint := b.send(t, "", "-t", "a:1", "-t", "b", "-f", filepath.Join(dir, "sub/File"), "--build-arg", "A=b=c",
		"--build-arg", "FROM_ENVIRONMENT", "--build-arg", "UNSET_ANYWHERE", "--label", "l=m", "--label", "bare", "--target", "s",
		"--no-cache", "--pull", "-q", "--network", "none", "--platform", "linux/arm64", dir)
	require.Zero(t, status, complaint)
	for name, want := range map[string]string{
		"dockerfile": "sub/File", "target": "s", "nocache": "1", "pull": "1", "q": "1", "networkmode": "none", "platform": "linux/arm64",
		"buildargs": `{"A":"b=c","FROM_ENVIRONMENT":"e"}`, "labels": `{"bare":"","l":"m"}`,
	} {
		if got := b.query.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	require.Equal(t, []string{"a:1", "b"}, b.query["t"])
}

func TestBuildFromInput(t *testing.T) {
	b := &builds{}
	b.send(t, "FROM x\n", "-")
	require.Equal(t, map[string]string{"Dockerfile": "FROM x\n"}, b.files)
	dir := tree(t, map[string]string{"a": "1"})
	b.send(t, "FROM y\n", "-f", "-", dir)
	if b.files[b.query.Get("dockerfile")] != "FROM y\n" || b.files["a"] != "1" {
		t.Errorf("a Dockerfile from standard input goes along with the context: %v", b.files)
	}
	other := tree(t, map[string]string{"File": "FROM z\n"})
	b.send(t, "", "-f", filepath.Join(other, "File"), dir)
	if b.files[b.query.Get("dockerfile")] != "FROM z\n" {
		t.Errorf("so does one that lies elsewhere: %v", b.files)
	}
	for _, args := range [][]string{{"-"}, {"-f", "-", "-"}, {filepath.Join(dir, "nosuch")}, {filepath.Join(dir, "a")}, {dir}} {
		if status, _, complaint := b.send(t, "", args...); status != 1 || !strings.Contains(complaint, "unable to prepare context") {
			t.Errorf("build %q: status %d, %q", args, status, complaint)
		}
	}
}

func TestBuildShowsWhatHappens(t *testing.T) {
	dir := tree(t, map[string]string{"Dockerfile": "FROM x"})
	file := filepath.Join(t.TempDir(), "id")
	b := &builds{say: `{"stream":"Step 1/1 : FROM x\n"}{"aux":{"ID":"sha256:abc"}}{"stream":"Successfully built abc\n"}`}
	status, out, _ := b.send(t, "", "--iidfile", file, dir)
	id, err := os.ReadFile(file)
	require.NoError(t, err)
	if status != 0 || out != "Step 1/1 : FROM x\nSuccessfully built abc\n" || string(id) != "sha256:abc" {
		t.Errorf("status %d, output %q, id %q", status, out, id)
	}
	failure, err := json.Marshal(map[string]any{"error": "it failed", "errorDetail": map[string]any{"code": 7, "message": "it failed"}})
	require.NoError(t, err)
	b.say = string(failure)
	if status, _, complaint := b.send(t, "", dir); status != 7 || complaint != "it failed\n" {
		t.Errorf("the exit status of the command must be ours: %d, %q", status, complaint)
	}
}
