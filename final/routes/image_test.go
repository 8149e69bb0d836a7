package routes

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	types "github.com/moby/moby/api/types/image"
)

func TestImagesComeAndGo(t *testing.T) {
	s := serve(t)
	s.bring("boat:one")
	s.ask(http.StatusCreated, "POST", "/images/boat:one/tag?repo=harbour/ship&tag=two", "")
	var list []types.Summary
	s.read(&list, "/images/json")
	if len(list) != 1 || !slices.Equal(list[0].RepoTags, []string{"harbour/ship:two", "boat:one"}) {
		t.Fatalf("got %+v", list)
	}
	var history []types.HistoryResponseItem
	s.read(&history, "/images/boat:one/history")
	if len(history) != 1 || history[0].Comment != "brought" {
		t.Errorf("history %+v", history)
	}
	text := s.ask(http.StatusOK, "DELETE", "/images/boat:one", "")
	if text != `[{"Untagged":"boat:one"}]`+"\n" {
		t.Errorf("a name that is not the last one: %s", text)
	}
	text = s.ask(http.StatusOK, "DELETE", "/images/"+list[0].ID, "")
	if !strings.Contains(text, `{"Untagged":"harbour/ship:two"},{"Deleted":"`+list[0].ID) {
		t.Errorf("the last name: %s", text)
	}
}

func TestAListShowsOnlyTheNamesAskedFor(t *testing.T) {
	s := serve(t)
	s.bring("boat:one")
	s.ask(http.StatusCreated, "POST", "/images/boat:one/tag?repo=harbour/ship&tag=two", "")
	for filters, want := range map[string]string{
		`{"reference":["boat"]}`:             "boat:one",
		`{"reference":{"harbour/*":true}}`:   "harbour/ship:two",
		`{"reference":["boat","*/ship:t*"]}`: "harbour/ship:two boat:one",
		`{"reference":["nosuch"]}`:           "",
		`{"dangling":["true"]}`:              "",
	} {
		var list []types.Summary
		s.read(&list, "/images/json?filters="+strings.NewReplacer(`"`, "%22", "{", "%7B", "}", "%7D").Replace(filters))
		var got []string
		for _, one := range list {
			got = append(got, one.RepoTags...)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", filters, got, want)
		}
	}
}

func TestOlderClientsFindTheirFields(t *testing.T) {
	s := serve(t)
	s.bring("boat:one")
	for path, want := range map[string]bool{
		"/v1.43/images/json": true, "/v1.44/images/json": false,
		"/v1.43/images/boat:one/json": true, "/v1.44/images/boat:one/json": false,
	} {
		if got := strings.Contains(s.ask(http.StatusOK, "GET", path, ""), "VirtualSize"); got != want {
			t.Errorf("%s: VirtualSize %t, want %t", path, got, want)
		}
	}
	text := s.ask(http.StatusOK, "GET", "/images/boat:one/json", "")
	for _, field := range []string{`"ContainerConfig":{`, `"Comment":"brought"`, `"DockerVersion":`, `"Parent":`} {
		if !strings.Contains(text, field) {
			t.Errorf("inspect lacks %s: %s", field, text)
		}
	}
}

func TestJoin(t *testing.T) {
	for in, want := range map[[2]string]string{
		{"a", ""}: "a", {"a", "b"}: "a:b", {"a", "sha256:00"}: "a@sha256:00", {"host:5000/a", "b"}: "host:5000/a:b",
	} {
		if got := join(in[0], in[1]); got != want {
			t.Errorf("%v: %s, want %s", in, got, want)
		}
	}
}

func TestPlatforms(t *testing.T) {
	for text, want := range map[string]string{
		"linux/arm64/v8": "linux/arm64/v8", "linux/amd64": "linux/amd64", "/": "", "linux/": "", "linux//v8": "", "a/b/c/d": "",
	} {
		p, err := platformOf(text)
		if got := p.String(); err == nil && got != want || err != nil && want != "" {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
	if p, err := platformOf(""); err != nil || p.OS != "linux" {
		t.Errorf("no platform: %v, %v", p, err)
	}
}
