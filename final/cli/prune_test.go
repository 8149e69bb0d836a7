package cli

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPrune(t *testing.T) {
	var query string
	f := newFake(t, map[string]http.HandlerFunc{
		"POST /containers/prune": say(http.StatusOK, map[string]any{"ContainersDeleted": []string{"c1"}, "SpaceReclaimed": 1000}),
		"POST /networks/prune":   say(http.StatusOK, map[string]any{"NetworksDeleted": []string{"n1"}}),
		"POST /images/prune": func(w http.ResponseWriter, r *http.Request) {
			query = r.URL.Query().Get("filters")
			say(http.StatusOK, map[string]any{"ImagesDeleted": []map[string]string{{"Untagged": "a:1"}, {"Deleted": "sha256:0"}}, "SpaceReclaimed": 500})(w, r)
		},
	})
	const images = "Deleted Images:\nuntagged: a:1\ndeleted: sha256:0\n\n"
	for line, want := range map[string]string{
		"container prune -f": "Deleted Containers:\nc1\n\nTotal reclaimed space: 1kB\n",
		"network prune -f":   "Deleted Networks:\nn1\n\n",
		"image prune -f":     images + "Total reclaimed space: 500B\n",
		"system prune -f":    "Deleted Containers:\nc1\n\nDeleted Networks:\nn1\n\n" + images + "Total reclaimed space: 1.5kB\n",
	} {
		if got := f.run(strings.Fields(line)...); got != (result{0, want, ""}) {
			t.Errorf("%s: got %+v, want %q", line, got, want)
		}
	}
	f.run("image", "prune", "-a", "-f", "--filter", "label=x")
	if want := `{"dangling":{"false":true},"label":{"x":true}}`; query != want {
		t.Errorf("asked with %s, want %s", query, want)
	}
}

func TestPruneAsksFirst(t *testing.T) {
	f := newFake(t, nil) // which has nothing to prune: a request would fail
	for _, answer := range []string{"", "n\n", "yes please\n"} {
		in, feeder, err := os.Pipe()
		require.NoError(t, err)
		feeder.WriteString(answer)
		feeder.Close()
		out := tempFile(t)
		code := Main([]string{"-H", "unix://" + f.socket, "container", "prune"}, in, out, tempFile(t))
		in.Close()
		if said := content(t, out); code != 0 || !strings.HasPrefix(said, "WARNING! This will remove all stopped containers.") {
			t.Errorf("%q: ended with %d and said %q", answer, code, said)
		}
	}
	if asked := f.requests(); len(asked) != 0 {
		t.Errorf("asked %q without a yes", asked)
	}
}

func TestCommitAndConnect(t *testing.T) {
	var query string
	f := newFake(t, map[string]http.HandlerFunc{
		"POST /commit": func(w http.ResponseWriter, r *http.Request) {
			query = r.URL.Query().Encode()
			say(http.StatusCreated, map[string]string{"Id": "sha256:1"})(w, r)
		},
		"POST /networks/n/connect": say(http.StatusOK, nil),
	})
	if got, want := f.run("commit", "-p=false", "-a", "me", "-m", "why", "-c", "CMD x", "c", "h:5/im:1"), (result{0, "sha256:1\n", ""}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if want := "author=me&changes=CMD+x&comment=why&container=c&pause=0&repo=h%3A5%2Fim&tag=1"; query != want {
		t.Errorf("asked for %s, want %s", query, want)
	}
	require.Zero(t, f.run("network", "connect", "--ip", "10.0.0.9", "--alias", "q", "n", "c").code)
	sent := f.body("POST /networks/n/connect")
	if got := pretty(t, sent); sent["Container"] != "c" || !strings.Contains(got, `"IPv4Address": "10.0.0.9"`) || !strings.Contains(got, `"q"`) {
		t.Errorf("sent %s", got)
	}
}
