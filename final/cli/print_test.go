package cli

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/require"
)

func rows() []containerRow {
	return []containerRow{
		rowOf(container.Summary{
			ID: strings.Repeat("a1", 32), Image: "img", Command: "a rather long command line", Created: time.Now().Add(-3 * time.Minute).Unix(),
			Status: "Up 3 minutes", State: "running", Names: []string{"/n", "/other/n"}, Labels: map[string]string{"b": "2", "a": "1"},
			Ports: []container.PortSummary{
				{PrivatePort: 80, PublicPort: 8080, Type: "tcp", IP: netip.MustParseAddr("0.0.0.0")}, {PrivatePort: 53, Type: "udp"},
			},
		}, false),
	}
}

func TestTables(t *testing.T) {
	const id = "a1a1a1a1a1a1"
	for format, want := range map[string]string{
		"": "CONTAINER ID   IMAGE     COMMAND                  CREATED         STATUS         PORTS                          NAMES\n" +
			id + "   img       \"a rather long comma…\"   3 minutes ago   Up 3 minutes   0.0.0.0:8080->80/tcp, 53/udp   n\n",
		"table {{.Names}}\t{{.Label \"a\"}}": "NAMES     a\nn         1\n",
		`{{.ID}}\t{{.Labels}}`:               id + "\ta=1,b=2\n",
		`{{json .Names}} {{upper .State}}`:   "\"n\" RUNNING\n",
		`{{join (split .Labels ",") " "}}`:   "a=1 b=2\n",
	} {
		var out bytes.Buffer
		require.NoError(t, print(table{out: &out, format: format, columns: (&App{}).psTable("", false).columns}, rows()))
		if out.String() != want {
			t.Errorf("%q prints\n%q, want\n%q", format, out.String(), want)
		}
	}
}

func TestTableAsJSON(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, print(table{out: &out, format: "json"}, rows()))
	var row map[string]string
	require.NoError(t, json.Unmarshal(out.Bytes(), &row))
	if row["Names"] != "n" || row["Ports"] != "0.0.0.0:8080->80/tcp, 53/udp" {
		t.Errorf("got %v", row)
	}
}

func TestBadTemplates(t *testing.T) {
	for format, want := range map[string]string{
		"{{.ID":      "failed to parse template: ",
		"{{.Bogus}}": "failed to execute template: ",
	} {
		err := print(table{out: &bytes.Buffer{}, format: format}, rows())
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s…", format, err, want)
		}
	}
}

func TestFilters(t *testing.T) {
	m := filters{}
	f := m.flag()
	require.NoError(t, f.Set("Label=a=b"))
	require.NoError(t, f.Set("label = c"))
	if got := m["label"]; len(got) != 2 || got[0] != "a=b" || got[1] != "c" {
		t.Errorf("got %v", m)
	}
	if f.Set("label") == nil {
		t.Error("a filter without a value is none")
	}
}

// messages is a pull of two layers.
const messages = `{"status":"Pulling from a","id":"1"}
{"status":"Downloading","id":"l1","progressDetail":{"current":50,"total":100}}
{"status":"Waiting","id":"l2"}
{"status":"Pull complete","id":"l1"}
{"status":"Digest: sha256:0"}
{"stream":"built\n"}
{"aux":{"ID":"x"}}
`

func TestProgressIntoAFile(t *testing.T) {
	out := tempFile(t)
	var aux string
	require.NoError(t, show(strings.NewReader(messages), out, func(raw json.RawMessage) { aux = string(raw) }))
	want := "1: Pulling from a\nl2: Waiting\nl1: Pull complete\nDigest: sha256:0\nbuilt\n"
	if got := content(t, out); got != want || aux != `{"ID":"x"}` {
		t.Errorf("got %q and %s, want %q: a bar is nothing for a file", got, aux, want)
	}
}

func TestProgressOnATerminal(t *testing.T) {
	keys, screen := openTerminal(t)
	require.NoError(t, show(strings.NewReader(messages), screen, nil))
	shown, b := "", make([]byte, 4096)
	for !strings.Contains(shown, "built") { // the last message
		n, err := keys.Read(b)
		require.NoError(t, err)
		shown += string(b[:n])
	}
	if !strings.Contains(shown, "\x1b[2A\x1b[2K\rl1: Pull complete\x1b[2B") {
		t.Errorf("the first of two layers is not drawn in its own row: %q", shown)
	}
	if !strings.Contains(shown, "l1: Downloading ["+strings.Repeat("=", 25)+">") {
		t.Errorf("half of a layer is no half bar: %q", shown)
	}
}

func TestErrorInAStream(t *testing.T) {
	for stream, want := range map[string]string{
		`{"status":"x"}{"error":"no space","errorDetail":{"message":"no space"}}`: "no space",
		`{"status":"x"`: "unexpected EOF",
	} {
		if err := show(strings.NewReader(stream), nil, nil); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", stream, err, want)
		}
	}
}
