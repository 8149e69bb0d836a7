package cli

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"drydock/07-daemon/stdio"
)

// A life is the daemon's side of one container.
type life struct {
	framed  bool
	talk    func(conn net.Conn)                         // over the attached streams
	refusal http.HandlerFunc                            // of the start, if it is refused
	exit    chan int                                    // what the wait will answer
	started chan struct{}                               // closed by the start
	others  map[string]func(*http.Request) (status int) // "kill", "resize"
}

func newLife() *life {
	return &life{framed: true, talk: func(net.Conn) {}, exit: make(chan int, 1), started: make(chan struct{})}
}

// routes are those that run uses, for a container called c1.
func (l *life) routes() map[string]http.HandlerFunc {
	routes := map[string]http.HandlerFunc{
		createRoute: say(http.StatusCreated, map[string]any{"Id": "c1", "Warnings": []string{}}),
		"POST /containers/c1/attach": hijack(l.framed, func(conn net.Conn) {
			<-l.started
			l.talk(conn)
		}),
		"POST /containers/c1/wait": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			select {
			case code := <-l.exit:
				say(http.StatusOK, map[string]int{"StatusCode": code})(nopHeader{w}, r)
			case <-r.Context().Done():
			}
		},
		"POST /containers/c1/start": func(w http.ResponseWriter, r *http.Request) {
			if l.refusal != nil {
				l.refusal(w, r)
				return
			}
			w.WriteHeader(http.StatusNoContent)
			close(l.started)
		},
	}
	for verb, answer := range l.others {
		routes["POST /containers/c1/"+verb] = func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(answer(r)) }
	}
	return routes
}

// A nopHeader has sent its header already.
type nopHeader struct{ http.ResponseWriter }

func (nopHeader) WriteHeader(int) {}

func TestRunAttachesAndWaitsBeforeItStarts(t *testing.T) {
	l := newLife()
	l.talk = func(conn net.Conn) {
		(&stdio.FrameWriter{To: conn, Stream: stdio.Stdout}).Write([]byte("first words"))
		(&stdio.FrameWriter{To: conn, Stream: stdio.Stderr}).Write([]byte("complaints"))
	}
	l.exit <- 3
	f := newFake(t, l.routes())
	got := f.run("run", "img")
	if want := (result{3, "first words", "complaints"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	order := []string{createRoute, "POST /containers/c1/attach", "POST /containers/c1/wait", "POST /containers/c1/start"}
	if asked := f.requests(); !slices.Equal(asked, order) {
		t.Errorf("asked %q: output and exit status of a quick program are missed unless the order is %q", asked, order)
	}
}

func TestRunWaitsForTheRemoval(t *testing.T) {
	for _, c := range []struct{ flag, condition string }{{"--rm=false", "next-exit"}, {"--rm", "removed"}} {
		l, condition := newLife(), ""
		l.exit <- 0
		routes := l.routes()
		wait := routes["POST /containers/c1/wait"]
		routes["POST /containers/c1/wait"] = func(w http.ResponseWriter, r *http.Request) {
			condition = r.URL.Query().Get("condition")
			wait(w, r)
		}
		newFake(t, routes).run("run", c.flag, "img")
		if condition != c.condition {
			t.Errorf("run %s waits for %q, want %q: the name must be free when it ends", c.flag, condition, c.condition)
		}
	}
}

func TestRunDetachedAsksForNothingMore(t *testing.T) {
	f := newFake(t, newLife().routes())
	if got, want := f.run("run", "-d", "img"), (result{0, "c1\n", ""}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if asked := f.requests(); len(asked) != 2 {
		t.Errorf("asked %q, want a create and a start", asked)
	}
}

func TestExitStatuses(t *testing.T) {
	for message, want := range map[string]int{
		`exec: "nope": executable file not found in $PATH`:     127,
		`exec: "/nope": stat /nope: no such file or directory`: 127,
		`exec: "/etc": is a directory`:                         126,
		`exec: "/x": permission denied`:                        126,
		`driver failed: port is already allocated`:             125,
	} {
		l := newLife()
		l.refusal = refuse(http.StatusBadRequest, message)
		l.exit <- 0
		got := newFake(t, l.routes()).run("run", "--rm", "img")
		if got.code != want || !strings.HasPrefix(got.err, "drydock: Error response from daemon: "+message) {
			t.Errorf("a start refused with %q ended with %d (%q), want %d", message, got.code, got.err, want)
		}
	}
}

func TestMissingImageIsPulledOnce(t *testing.T) {
	l := newLife()
	l.exit <- 0
	routes, pulled := l.routes(), false
	create := routes[createRoute]
	routes[createRoute] = func(w http.ResponseWriter, r *http.Request) {
		if !pulled {
			refuse(http.StatusNotFound, "No such image: img:latest")(w, r)
			return
		}
		create(w, r)
	}
	routes["POST /images/create"] = func(w http.ResponseWriter, r *http.Request) {
		pulled = r.URL.Query().Get("fromImage") == "img:latest"
		io.WriteString(w, `{"status":"Pulling from library/img","id":"latest"}`+"\n")
	}
	got := newFake(t, routes).run("run", "img")
	want := result{0, "", "Unable to find image 'img:latest' locally\nlatest: Pulling from library/img\n"}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestPullDoesNotCureWhatIsNoImage(t *testing.T) {
	for _, c := range []struct{ flag, message string }{
		{"--pull=missing", "network n1 not found"},
		{"--pull=never", "No such image: img:latest"},
	} {
		f := newFake(t, map[string]http.HandlerFunc{createRoute: refuse(http.StatusNotFound, c.message)})
		got := f.run("run", c.flag, "img")
		if asked := f.requests(); len(asked) != 1 || got.code != 125 {
			t.Errorf("%s and %q: asked %q, ended with %d; want one create and 125", c.flag, c.message, asked, got.code)
		}
	}
}

func TestInputReachesItsEnd(t *testing.T) {
	l := newLife()
	heard := make(chan string, 1)
	l.talk = func(conn net.Conn) {
		b, _ := io.ReadAll(conn) // until the half-close
		heard <- string(b)
		(&stdio.FrameWriter{To: conn, Stream: stdio.Stdout}).Write([]byte("still talking"))
	}
	l.exit <- 0
	f := newFake(t, l.routes())
	in, feeder, err := os.Pipe()
	require.NoError(t, err)
	defer in.Close()
	go func() {
		io.WriteString(feeder, "some \x10\x11 input") // the keys that detach are plain bytes here
		feeder.Close()
	}()
	out := tempFile(t)
	code := Main([]string{"-H", "unix://" + f.socket, "run", "-i", "img"}, in, out, tempFile(t))
	if said := <-heard; code != 0 || said != "some \x10\x11 input" || content(t, out) != "still talking" {
		t.Errorf("ended with %d: heard %q and said %q after the input had ended", code, said, content(t, out))
	}
}

func TestSignalsAreTheProgrammes(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGTERM} {
		l := newLife()
		killed := make(chan string, 1)
		l.talk = func(net.Conn) {
			syscall.Kill(os.Getpid(), signal)
			sent := <-killed
			l.exit <- 42 // not before: whoever gave up at the signal misses it
			killed <- sent
		}
		l.others = map[string]func(*http.Request) int{"kill": func(r *http.Request) int {
			killed <- r.URL.Query().Get("signal")
			return http.StatusNoContent
		}}
		got := newFake(t, l.routes()).run("run", "img")
		if sent := <-killed; got.code != 42 || sent != signalName(signal) {
			t.Errorf("%v: the container got %q and run ended with %d (%s), want the program's 42", signal, sent, got.code, got.err)
		}
	}
}

func TestContainerIDFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cid")
	f := newFake(t, newLife().routes())
	require.Zero(t, f.run("run", "-d", "--cidfile", path, "img").code)
	if b, err := os.ReadFile(path); err != nil || string(b) != "c1" {
		t.Errorf("the file holds %q (%v), want the id and nothing else", b, err)
	}
	asked := len(f.requests())
	got := f.run("run", "-d", "--cidfile", path, "img")
	if len(f.requests()) != asked || got.code != 125 || !strings.Contains(got.err, "container ID file found") {
		t.Errorf("a second container took the file of the first: %+v", got)
	}
}
