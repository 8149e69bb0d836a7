package routes

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestPing(t *testing.T) {
	s := serve(t)
	for _, method := range []string{"GET", "HEAD"} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, "/v1.24/_ping", nil))
		h := w.Header()
		if w.Code != http.StatusOK || h.Get("Api-Version") != "1.51" || h.Get("Ostype") != "linux" || h.Get("Cache-Control") == "" {
			t.Errorf("%s: %d %v", method, w.Code, h)
		}
		if want := map[string]string{"GET": "OK"}[method]; w.Body.String() != want {
			t.Errorf("%s: %q", method, w.Body)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := serve(t)
	for _, c := range []struct {
		status                    int
		method, path, body, words string
	}{
		{404, "GET", "/nosuch", "", "page not found"},
		{404, "GET", "/v1.51/images/x", "", "page not found"},
		{404, "GET", "/images/nosuch/json", "", "No such image: nosuch"},
		{404, "GET", "/images/nosuch/history", "", "No such image: nosuch"},
		{404, "GET", "/images/nosuch/get", "", "No such image: nosuch"},
		{404, "DELETE", "/images/nosuch", "", "No such image: nosuch"},
		{404, "POST", "/images/nosuch/tag?repo=x", "", "No such image: nosuch"},
		{400, "POST", "/images/create", "", "either fromImage or fromSrc must be given"},
		{400, "POST", "/images/create?fromImage=UPPER", "", "invalid reference format"},
		{400, "POST", "/images/create?fromImage=x&platform=linux%2F", "", "invalid platform"},
		{400, "POST", "/images/create?fromSrc=http://x/y", "", "import from http://x/y"},
		{400, "GET", "/images/json?filters=%7B%22bogus%22:%5B%221%22%5D%7D", "", "invalid filter 'bogus'"},
		{400, "GET", "/images/json?filters=%7B%22dangling%22:%5B%22maybe%22%5D%7D", "", "invalid filter 'dangling=[maybe]'"},
		{400, "POST", "/images/prune?filters=%7B%22until%22:%5B%22x%22%5D%7D", "", `invalid time "x"`},
		{404, "GET", "/networks/nosuch", "", "network nosuch not found"},
		{400, "GET", "/networks?filters=%7B%22type%22:%5B%22odd%22%5D%7D", "", "invalid filter: 'type'='odd'"},
		{403, "DELETE", "/networks/host", "", "host is a pre-defined network and cannot be removed"},
		{400, "POST", "/networks/create", `{}`, "network name cannot be empty"},
		{400, "POST", "/networks/create", `{"Name":"n","IPAM":{"Config":[{"Subnet":"x"}]}}`, "invalid subnet x"},
		{400, "POST", "/networks/create", `{"Name":"n","IPAM":{"Config":[{"Subnet":"10.0.0.5/8"}]}}`, "it should be 10.0.0.0/8"},
		{404, "POST", "/networks/host/connect", `{"Container":"nosuch"}`, "No such container: nosuch"},
		{404, "GET", "/volumes/nosuch", "", "get nosuch: no such volume"},
		{404, "DELETE", "/volumes/nosuch", "", "get nosuch: no such volume"},
		{404, "POST", "/volumes/create", `{"Driver":"odd"}`, `plugin "odd" not found`},
		{400, "POST", "/volumes/create", `{"Name":"a/b"}`, "includes invalid characters"},
		{400, "POST", "/volumes/create", `{"Name":`, "invalid JSON"},
		{404, "GET", "/containers/nosuch/changes", "", "No such container: nosuch"},
		{404, "GET", "/containers/nosuch/export", "", "No such container: nosuch"},
		{404, "GET", "/containers/nosuch/archive?path=/", "", "No such container: nosuch"},
		{404, "POST", "/commit?container=nosuch", "", "No such container: nosuch"},
		{400, "GET", "/system/df?type=odd", "", "unknown object type: odd"},
		{503, "GET", "/services", "", "This node is not a swarm manager"},
		{503, "POST", "/swarm/init", `{}`, "This node is not a swarm manager"},
		{501, "POST", "/session", "", "DOCKER_BUILDKIT=0"},
	} {
		s.refused(c.status, c.method, c.path, c.body, c.words)
	}
}

func TestNothingIsAnEmptyListNeverNull(t *testing.T) {
	s := serve(t)
	for path, want := range map[string]string{
		"/images/json": "[]\n", "/plugins": "[]\n", "/volumes": `{"Volumes":[],"Warnings":[]}` + "\n",
		"/system/df": `{"LayersSize":0,"Images":[],"Containers":[],"Volumes":[],"BuildCache":[]}` + "\n",
	} {
		if got := s.ask(http.StatusOK, "GET", path, ""); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
