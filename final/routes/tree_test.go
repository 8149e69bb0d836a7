package routes

import (
	"archive/tar"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moby/moby/api/types/container"
	types "github.com/moby/moby/api/types/image"
	"github.com/stretchr/testify/require"
)

func TestAContainerBecomesAnImage(t *testing.T) {
	s := serve(t)
	s.bring("boat:one")
	s.ask(http.StatusCreated, "POST", "/containers/create?name=hull", `{"Image":"boat:one","HostConfig":{"NetworkMode":"none"}}`)
	c, err := s.e.Containers.Inspect("hull", false)
	require.NoError(t, err)
	upper, err := s.e.Snapshots.Upper(c.ID)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(upper, "new"), []byte("cargo"), 0o644))

	var changes []container.FilesystemChange
	s.read(&changes, "/containers/hull/changes")
	if len(changes) != 1 || changes[0].Path != "/new" || changes[0].Kind != container.ChangeAdd {
		t.Errorf("changes %v", changes)
	}
	if got := members(t, s.ask(http.StatusOK, "GET", "/containers/hull/export", "")); got != "./ file new" {
		t.Errorf("exported %s", got)
	}
	s.ask(http.StatusCreated, "POST", "/commit?container=hull&repo=boat&tag=two&comment=loaded&changes=ENV+A%3Db", "{}")
	var img types.InspectResponse
	s.read(&img, "/images/boat:two/json")
	if len(img.RootFS.Layers) != 2 || len(img.Config.Env) != 1 || img.Config.Env[0] != "A=b" {
		t.Errorf("committed %+v", img)
	}
	s.refused(http.StatusBadRequest, "POST", "/commit?container=hull&changes=RUN+x", "{}", "RUN is not a valid change command")
	s.refused(http.StatusBadRequest, "POST", "/commit?container=hull&repo=UPPER", "{}", "invalid reference format")
	s.refused(http.StatusNotImplemented, "PUT", "/containers/hull/archive?path=/", "", "not supported yet")

	var df usage
	s.read(&df, "/system/df?type=image")
	if len(df.Images) != 2 || df.Images[0].SharedSize == 0 || df.Containers != nil {
		t.Errorf("df %+v", df)
	}
	s.refused(http.StatusConflict, "DELETE", "/images/boat:one", "", "is using its referenced image")
	s.ask(http.StatusNoContent, "DELETE", "/containers/hull", "")
}

// members are the names in a tar.
func members(t *testing.T, archive string) string {
	t.Helper()
	var names []string
	for r := tar.NewReader(strings.NewReader(archive)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return strings.Join(names, " ")
		}
		require.NoError(t, err)
		names = append(names, h.Name)
	}
}

func TestVolumesComeAndGo(t *testing.T) {
	s := serve(t)
	s.ask(http.StatusCreated, "POST", "/volumes/create", `{"Name":"named","Labels":{"a":"b"}}`)
	s.ask(http.StatusCreated, "POST", "/volumes/create", `{}`)
	text := s.ask(http.StatusOK, "GET", `/volumes?filters=%7B%22label%22:%5B%22a%22%5D%7D`, "")
	if !strings.Contains(text, `"Name":"named"`) || strings.Count(text, `"Name"`) != 1 {
		t.Errorf("by label: %s", text)
	}
	if got := s.ask(http.StatusOK, "POST", "/volumes/prune", ""); strings.Contains(got, "named") {
		t.Errorf("a prune took a volume with a name: %s", got)
	}
	if got := s.ask(http.StatusOK, "POST", "/volumes/prune?filters=%7B%22all%22:%5B%22true%22%5D%7D", ""); !strings.Contains(got, `["named"]`) {
		t.Errorf("a prune of all: %s", got)
	}
	s.ask(http.StatusNoContent, "DELETE", "/volumes/named?force=1", "")
}
