package image_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"drydock/04-images/image"
)

func save(t testing.TB, s shop, refs ...string) []byte {
	var b bytes.Buffer
	require.NoError(t, s.Save(ctx, &b, refs...))
	return b.Bytes()
}

func load(s shop, b []byte) ([]*image.Image, error) {
	return s.Load(ctx, bytes.NewReader(b), nil)
}

func TestLoadAfterSaveIsTheIdentity(t *testing.T) {
	from, to := open(t), open(t)
	for i, img := range []v1.Image{sample(t), imageOf(t, layerOf(tarOf("x", "y"), types.OCILayer))} {
		_, err := from.Put(ctx, img, nil, fmt.Sprintf("box:%d", i), "other:"+fmt.Sprint(i))
		require.NoError(t, err)
	}
	third, err := from.Import(ctx, bytes.NewReader(tarOf("f", "text")), v1.Config{Cmd: []string{"f"}}, "by hand", "")
	require.NoError(t, err)
	refs := []string{"box:0", "box:1", "other:1", third.ID.Hex}
	archive := save(t, from, refs...)
	loaded, err := load(to, archive)
	require.NoError(t, err)
	require.Len(t, loaded, 4, "one a name, and one for the image without")
	for _, ref := range refs {
		want, err := from.Get(ref)
		require.NoError(t, err)
		got, err := to.Get(ref)
		require.NoError(t, err)
		a, err := want.RawManifest()
		require.NoError(t, err)
		b, err := got.RawManifest()
		require.NoError(t, err)
		if want.ID != got.ID || want.Size != got.Size || !bytes.Equal(a, b) {
			t.Errorf("%s came back as another image", ref)
		}
	}
	if _, err := to.Get("other:0"); err == nil {
		t.Error("other:0 was not asked for, but it was saved")
	}
	require.Equal(t, archive, save(t, to, refs...), "saved again, the archive differs")
}

func TestLoadTakesPackedArchives(t *testing.T) {
	from := open(t)
	_, err := from.Put(ctx, sample(t), nil, "box")
	require.NoError(t, err)
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	_, err = zip.Write(save(t, from, "box"))
	require.NoError(t, err)
	require.NoError(t, zip.Close())
	loaded, err := load(open(t), b.Bytes())
	require.NoError(t, err)
	require.Equal(t, []string{"box:latest"}, loaded[0].Names)
}

func TestOthersReadWhatSaveWrites(t *testing.T) {
	s := open(t)
	img, err := s.Put(ctx, imageOf(t, layerOf(tarOf("x", "y"), types.DockerLayer)), nil, "box")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "box.tar")
	require.NoError(t, os.WriteFile(path, save(t, s, "box"), 0o644))
	read, err := tarball.ImageFromPath(path, nil)
	require.NoError(t, err)
	require.NoError(t, validate.Image(read))
	id, err := read.ConfigName()
	require.NoError(t, err)
	require.Equal(t, img.ID, id)
	for _, form := range []string{"docker-archive:%s:box:latest", "oci-archive:%s:latest"} {
		t.Run(form[:3], func(t *testing.T) {
			skopeo, err := exec.LookPath("skopeo")
			if err != nil {
				t.Skip("skopeo is not installed")
			}
			out, err := exec.Command(skopeo, "inspect", "--config", fmt.Sprintf(form, path)).CombinedOutput()
			require.NoError(t, err, string(out))
		})
	}
}

func TestWeReadWhatOthersSave(t *testing.T) {
	img := imageOf(t, layerOf(tarOf("x", "y"), types.DockerLayer))
	id, err := img.ConfigName()
	require.NoError(t, err)
	var b bytes.Buffer
	tag := mustTag(t, "quay.io/a/b:c")
	require.NoError(t, tarball.Write(tag, img, &b))
	loaded, err := load(open(t), b.Bytes())
	require.NoError(t, err)
	require.Equal(t, id, loaded[0].ID)
	require.Equal(t, []string{"quay.io/a/b:c"}, loaded[0].Names)
}

func TestOldArchivesWithLinks(t *testing.T) {
	layer := tarOf("x", "y")
	diff, _, err := v1.SHA256(bytes.NewReader(layer))
	require.NoError(t, err)
	config := fmt.Sprintf(`{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[%q,%q]}}`, diff, diff)
	b := archiveOf(
		"a/layer.tar", string(layer), "b/layer.tar", "-> ../a/layer.tar", "cfg.json", config,
		"manifest.json", `[{"Config":"cfg.json","RepoTags":["old:1"],"Layers":["a/layer.tar","b/layer.tar"]}]`)
	loaded, err := load(open(t), b)
	require.NoError(t, err)
	require.Equal(t, []string{"old:1"}, loaded[0].Names)
	if loaded[0].Size != 2 {
		t.Errorf("two layers of one byte have %d", loaded[0].Size)
	}
}

// archiveOf packs members; a text that begins with "-> " is a symbolic link.
func archiveOf(members ...string) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(members); i += 2 {
		if target, ok := strings.CutPrefix(members[i+1], "-> "); ok {
			w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: members[i], Linkname: target})
			continue
		}
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: members[i], Size: int64(len(members[i+1])), Mode: 0o644})
		io.WriteString(w, members[i+1])
	}
	w.Close()
	return b.Bytes()
}

// index makes the text of an index of one descriptor.
func indexOf(kind types.MediaType, body string, notes string) string {
	h, n, _ := v1.SHA256(strings.NewReader(body))
	return fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"digest":%q,"size":%d,"annotations":{%s}}]}`, kind, h, n, notes)
}

func nameOf(body string) string {
	h, _, _ := v1.SHA256(strings.NewReader(body))
	return "blobs/sha256/" + h.Hex
}

func TestHostileArchivesAreRefused(t *testing.T) {
	manifest := func(config string, layers ...string) string {
		b, _ := json.Marshal([]map[string]any{{"Config": config, "RepoTags": []string{"x:1"}, "Layers": layers}})
		return string(b)
	}
	config := `{"os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:` + strings.Repeat("0", 64) + `"]}}`
	tower := indexOf(types.OCIManifestSchema1, "x", "")
	members := []string{}
	for range 8 {
		members = append(members, nameOf(tower), tower)
		tower = indexOf(types.OCIImageIndex, tower, "")
	}
	cases := map[string][]byte{
		"nothing":                     archiveOf(),
		"no tar":                      []byte(strings.Repeat("no tar at all ", 100)),
		"no list":                     archiveOf("a", "b"),
		"config outside":              archiveOf("manifest.json", manifest("../../../../etc/passwd", "/etc/passwd")),
		"config through a link":       archiveOf("cfg", "-> /etc/passwd", "manifest.json", manifest("cfg")),
		"links in a circle":           archiveOf("a", "-> b", "b", "-> a", "manifest.json", manifest("a")),
		"layer outside":               archiveOf("c", config, "manifest.json", manifest("c", "../../etc/passwd")),
		"layer is missing":            archiveOf("c", config, "manifest.json", manifest("c", "l")),
		"layer has another diff ID":   archiveOf("c", config, "l", string(tarOf("a", "b")), "manifest.json", manifest("c", "l")),
		"fewer layers than diff IDs":  archiveOf("c", config, "manifest.json", manifest("c")),
		"manifest.json is no list":    archiveOf("manifest.json", `{"Config":1}`),
		"manifest.json is too long":   archiveOf("manifest.json", "["+strings.Repeat(" ", 5<<20)+"]"),
		"a blob of another name":      archiveOf("blobs/sha256/"+strings.Repeat("0", 64), "x", "manifest.json", "[]"),
		"a blob whose name is a path": archiveOf("blobs/sha256/../../../x", "x", "blobs/../../etc/x", "y", "manifest.json", "[]"),
		"a name that is a path":       archiveOf("c", `{"rootfs":{"type":"layers","diff_ids":[]}}`, "manifest.json", `[{"Config":"c","RepoTags":["../../x:1"]}]`),
		"a tower of indexes":          archiveOf(append(members, "index.json", tower)...),
		"both manifest and index": archiveOf(nameOf(`{"schemaVersion":2,"manifests":[],"config":{},"layers":[]}`), `{"schemaVersion":2,"manifests":[],"config":{},"layers":[]}`,
			"index.json", indexOf(types.OCIManifestSchema1, `{"schemaVersion":2,"manifests":[],"config":{},"layers":[]}`, "")),
		"cut": archiveOf("manifest.json", "[]", "big", strings.Repeat("x", 5000))[:3000],
	}
	for name, b := range cases {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			before := everything(t, filepath.Dir(s.dir))
			if _, err := load(s, b); err == nil {
				t.Error("the archive was accepted")
			}
			s.untouched(t)
			require.Equal(t, before, everything(t, filepath.Dir(s.dir)), "files were made where none belong")
		})
	}
}

func TestASparseMemberIsRefused(t *testing.T) {
	b, err := os.ReadFile("../layer/testdata/sparse-pax.tar") // 10 KiB that claim to be 64 MiB
	require.NoError(t, err)
	s := open(t)
	_, err = load(s, b)
	require.ErrorContains(t, err, "sparse")
	s.untouched(t)
}

// everything is all names below dir.
func everything(t testing.TB, dir string) (all []string) {
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	require.NoError(t, err)
	return all
}

func TestThePlatformOfThisMachineIsTaken(t *testing.T) {
	s := open(t)
	_, err := s.Put(ctx, imageOf(t, layerOf(tarOf("x", "y"), types.OCILayer)), nil, "mine")
	require.NoError(t, err)
	inner := save(t, s, "mine")
	var members []string
	var index v1.IndexManifest
	r := tar.NewReader(bytes.NewReader(inner))
	for h, err := r.Next(); err != io.EOF; h, err = r.Next() {
		require.NoError(t, err)
		body, err := io.ReadAll(r)
		require.NoError(t, err)
		if h.Name == "index.json" {
			require.NoError(t, json.Unmarshal(body, &index))
		}
		if strings.HasPrefix(h.Name, "blobs/") {
			members = append(members, h.Name, string(body))
		}
	}
	mine := index.Manifests[0]
	mine.Platform = &v1.Platform{OS: runtime.GOOS, Architecture: runtime.GOARCH}
	other := mine
	other.Platform = &v1.Platform{OS: "plan9", Architecture: "mips"}
	other.Digest.Hex = strings.Repeat("0", 64)
	for _, list := range [][]v1.Descriptor{{other, mine}, {other}} {
		b, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, Manifests: list})
		require.NoError(t, err)
		outer := indexOf(types.OCIImageIndex, string(b), `"io.containerd.image.name":"docker.io/library/two:1"`)
		archive := archiveOf(append(slices.Clone(members), nameOf(string(b)), string(b), "index.json", outer)...)
		loaded, err := load(open(t), archive)
		if len(list) == 1 {
			require.ErrorContains(t, err, "no image for "+runtime.GOOS+"/"+runtime.GOARCH)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, []string{"two:1"}, loaded[0].Names)
	}
}
