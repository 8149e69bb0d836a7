package server

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"
)

// Twenty clients push the same layers under their own tags, and each reads
// what it wrote.
func TestCrowd(t *testing.T) {
	b := start(t, Config{})
	img := image(t, 2)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			ref, err := name.ParseReference(fmt.Sprintf("%s/r%d:t%d", b.host(), i%3, i))
			if err != nil {
				t.Error(err)
				return
			}
			if err := remote.Write(ref, img); err != nil {
				t.Errorf("push %s: %v", ref, err)
				return
			}
			got, err := remote.Image(ref)
			if err == nil {
				err = validate.Image(got)
			}
			if err != nil {
				t.Errorf("pull %s: %v", ref, err)
			}
		})
	}
	all.Wait()
	if _, body := b.ask("GET", "/v2/r0/tags/list", ""); body != `{"name":"r0","tags":["t0","t12","t15","t18","t3","t6","t9"]}` {
		t.Errorf("the tags are %s", body)
	}
}

func TestNextServerKnowsEverything(t *testing.T) {
	b := start(t, Config{})
	raw := b.manifest("a", "")
	b.want(201, "", "PUT", "/v2/a/manifests/v1", raw, "Content-Type", ociManifest)
	at := b.upload("a")
	b.want(202, "", "PATCH", at, "hello ", "Content-Range", "0-5")
	next := start(t, Config{Dir: b.dir})
	if resp, body := next.ask("GET", "/v2/a/manifests/v1", ""); body != raw || resp.Header.Get("Content-Type") != ociManifest {
		t.Errorf("the next server has %s", body)
	}
	next.want(201, "", "PUT", at+"?digest="+digest("hello world"), "world", "Content-Range", "6-10")
}

// skopeo speaks the protocol in containers/image's dialect.
func TestSkopeo(t *testing.T) {
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		t.Skip("skopeo is not installed")
	}
	b := start(t, Config{})
	dir := t.TempDir()
	at, err := layout.Write(dir+"/in", empty.Index)
	require.NoError(t, err)
	img := image(t, 3)
	require.NoError(t, at.AppendImage(img))
	for _, args := range []string{
		"copy --dest-tls-verify=false oci:" + dir + "/in docker://" + b.host() + "/s/k:1",
		"copy --src-tls-verify=false --dest-tls-verify=false docker://" + b.host() + "/s/k:1 docker://" + b.host() + "/other:2",
		"copy --src-tls-verify=false docker://" + b.host() + "/other:2 dir:" + dir + "/out",
		"delete --tls-verify=false docker://" + b.host() + "/s/k:1",
	} {
		cmd := exec.Command(skopeo, append([]string{"--insecure-policy"}, strings.Fields(args)...)...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "skopeo %s: %s", args, out)
	}
	want, err := img.RawManifest()
	require.NoError(t, err)
	got, err := os.ReadFile(dir + "/out/manifest.json")
	require.NoError(t, err)
	if string(got) != string(want) {
		t.Errorf("the manifest came back as %s, was %s", got, want)
	}
	b.want(http.StatusNotFound, "MANIFEST_UNKNOWN", "GET", "/v2/s/k/manifests/1", "")
}
