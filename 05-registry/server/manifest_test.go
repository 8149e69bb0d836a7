package server

import (
	"encoding/json"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"

	"drydock/05-registry/wire"
)

func TestManifestKeepsItsBytes(t *testing.T) {
	b := start(t, Config{})
	raw := strings.Replace(b.manifest("a", ""), `,"`, " ,\n\t\"", 2) // ugly on purpose
	resp := b.want(201, "", "PUT", "/v2/a/manifests/v1", raw, "Content-Type", ociManifest)
	if got := resp.Header.Get("Docker-Content-Digest"); got != digest(raw) {
		t.Errorf("the registry calls it %s, want %s", got, digest(raw))
	}
	for _, ref := range []string{"v1", digest(raw)} {
		resp, body := b.ask("GET", "/v2/a/manifests/"+ref, "")
		if body != raw || resp.Header.Get("Content-Type") != ociManifest {
			t.Errorf("%s is %s of type %s", ref, body, resp.Header.Get("Content-Type"))
		}
		resp, body = b.ask("HEAD", "/v2/a/manifests/"+ref, "")
		if body != "" || resp.ContentLength != int64(len(raw)) || resp.Header.Get("Docker-Content-Digest") != digest(raw) {
			t.Errorf("HEAD of %s: %d bytes, %v", ref, resp.ContentLength, resp.Header)
		}
	}
}

func TestManifestIsRefused(t *testing.T) {
	b := start(t, Config{})
	good := b.manifest("a", "")
	for _, c := range []struct {
		why, ref, body, mediaType, code string
		status                          int
	}{
		{"not its digest", digest("x"), good, ociManifest, "DIGEST_INVALID", 400},
		{"no JSON", "v", "hello", ociManifest, "MANIFEST_INVALID", 400},
		{"no media type", "v", good, "", "MANIFEST_INVALID", 400},
		{"another media type", "v", good, "application/vnd.oci.image.index.v1+json", "MANIFEST_INVALID", 400},
		{"schema 1", "v", `{"schemaVersion":1}`, ociManifest, "MANIFEST_INVALID", 400},
		{"image and index at once", "v", strings.Replace(good, `"layers"`, `"manifests":[],"layers"`, 1), ociManifest, "MANIFEST_INVALID", 400},
		{"a blob that never came", "v", strings.Replace(good, digest("{}"), digest("?"), 1), ociManifest, "MANIFEST_BLOB_UNKNOWN", 400},
		{"an index of what never came", "v", `{"schemaVersion":2,"manifests":[{"digest":"` + digest("?") + `","size":1,"mediaType":"x"}]}`, "application/vnd.oci.image.index.v1+json", "MANIFEST_BLOB_UNKNOWN", 400},
		{"too large", "v", good + strings.Repeat(" ", wire.MaxManifest), ociManifest, "SIZE_INVALID", 413},
		{"no tag", ".x", good, ociManifest, "MANIFEST_INVALID", 400},
	} {
		t.Run(c.why, func(t *testing.T) {
			b := bench{t, b.dir, b.url}
			b.want(c.status, c.code, "PUT", "/v2/a/manifests/"+c.ref, c.body, "Content-Type", c.mediaType)
		})
	}
	b.want(404, wire.NameUnknown, "GET", "/v2/a/tags/list", "")
	b.want(400, "MANIFEST_BLOB_UNKNOWN", "PUT", "/v2/b/manifests/v", good, "Content-Type", ociManifest) // the blob is a's
}

func TestBlobRanges(t *testing.T) {
	b := start(t, Config{})
	path := "/v2/a/blobs/" + b.blob("a", "0123456789")
	if resp, body := b.ask("GET", path, "", "Range", "bytes=4-"); resp.StatusCode != 206 || body != "456789" || resp.Header.Get("Content-Range") != "bytes 4-9/10" {
		t.Errorf("bytes=4- answers %d %q %q", resp.StatusCode, body, resp.Header.Get("Content-Range"))
	}
	b.want(416, "", "GET", path, "", "Range", "bytes=10-")
	b.want(304, "", "GET", path, "", "If-None-Match", `"`+digest("0123456789")+`"`)
	if resp, body := b.ask("HEAD", path, ""); resp.StatusCode != 200 || resp.ContentLength != 10 || body != "" {
		t.Errorf("HEAD answers %d, %d bytes", resp.StatusCode, resp.ContentLength)
	}
}

func TestListsHavePages(t *testing.T) {
	b := start(t, Config{})
	for _, tag := range []string{"b", "a", "c"} {
		b.want(201, "", "PUT", "/v2/one/two/manifests/"+tag, b.manifest("one/two", ""), "Content-Type", ociManifest)
	}
	b.want(201, "", "PUT", "/v2/one/manifests/x", b.manifest("one", ""), "Content-Type", ociManifest)
	b.upload("empty")
	for path, want := range map[string]string{
		"/v2/_catalog":                   `{"repositories":["one","one/two"]}`,
		"/v2/_catalog?n=1":               `{"repositories":["one"]}`,
		"/v2/_catalog?n=1&last=one":      `{"repositories":["one/two"]}`,
		"/v2/one/two/tags/list":          `{"name":"one/two","tags":["a","b","c"]}`,
		"/v2/one/two/tags/list?n=2":      `{"name":"one/two","tags":["a","b"]}`,
		"/v2/one/two/tags/list?last=aa":  `{"name":"one/two","tags":["b","c"]}`,
		"/v2/one/two/tags/list?last=zzz": `{"name":"one/two","tags":[]}`,
		"/v2/one/two/tags/list?n=0":      `{"name":"one/two","tags":[]}`,
	} {
		if _, body := b.ask("GET", path, ""); body != want {
			t.Errorf("%s answers %s, want %s", path, body, want)
		}
	}
	resp := b.want(200, "", "GET", "/v2/one/two/tags/list?n=2", "")
	if got, want := resp.Header.Get("Link"), `</v2/one/two/tags/list?last=b&n=2>; rel="next"`; got != want {
		t.Errorf("the next page is at %s, want %s", got, want)
	}
	b.want(400, "PAGINATION_NUMBER_INVALID", "GET", "/v2/one/tags/list?n=-1", "")
}

func TestDelete(t *testing.T) {
	b := start(t, Config{})
	raw := b.manifest("a", "")
	for _, tag := range []string{"v1", "v2"} {
		b.want(201, "", "PUT", "/v2/a/manifests/"+tag, raw, "Content-Type", ociManifest)
	}
	other := b.manifest("a", `,"annotations":{"another":"one"}`)
	b.want(201, "", "PUT", "/v2/a/manifests/other", other, "Content-Type", ociManifest)
	b.want(202, "", "DELETE", "/v2/a/manifests/v1", "")
	b.want(404, wire.ManifestUnknown, "GET", "/v2/a/manifests/v1", "")
	b.want(200, "", "GET", "/v2/a/manifests/v2", "")
	b.want(202, "", "DELETE", "/v2/a/manifests/"+digest(raw), "")
	b.want(404, wire.ManifestUnknown, "GET", "/v2/a/manifests/v2", "")
	b.want(404, wire.ManifestUnknown, "GET", "/v2/a/manifests/"+digest(raw), "")
	b.want(200, "", "GET", "/v2/a/manifests/other", "")
	b.want(202, "", "DELETE", "/v2/a/blobs/"+digest("{}"), "")
	b.want(404, wire.BlobUnknown, "GET", "/v2/a/blobs/"+digest("{}"), "")
	b.want(404, wire.BlobUnknown, "DELETE", "/v2/a/blobs/"+digest("{}"), "")
}

func TestReferrers(t *testing.T) {
	b := start(t, Config{})
	subject := digest("some image, which may come later")
	extra := `,"subject":{"mediaType":"x","size":1,"digest":"` + subject + `"},"annotations":{"by":"ann"}`
	signature := b.manifest("a", extra+`,"artifactType":"application/sig"`)
	bill := b.manifest("a", extra)
	for _, raw := range []string{signature, bill} {
		resp := b.want(201, "", "PUT", "/v2/a/manifests/"+digest(raw), raw, "Content-Type", ociManifest)
		if got := resp.Header.Get("OCI-Subject"); got != subject {
			t.Errorf("OCI-Subject is %q", got)
		}
	}
	list := func(query string) (index v1.IndexManifest) {
		_, body := b.ask("GET", "/v2/a/referrers/"+subject+query, "")
		require.NoError(t, json.Unmarshal([]byte(body), &index))
		return index
	}
	if got := list(""); len(got.Manifests) != 2 {
		t.Errorf("%d manifests speak about the subject, want 2", len(got.Manifests))
	}
	got := list("?artifactType=application/sig").Manifests
	if len(got) != 1 || got[0].Digest.String() != digest(signature) || got[0].Annotations["by"] != "ann" || got[0].Size != int64(len(signature)) {
		t.Errorf("the signature is described as %+v", got)
	}
	if got := list("?artifactType=application/x").Manifests; len(got) != 1 {
		t.Errorf("without a type of its own an artifact has its config's, got %+v", got)
	}
	b.want(202, "", "DELETE", "/v2/a/manifests/"+digest(signature), "")
	if got := list(""); len(got.Manifests) != 1 {
		t.Errorf("a deleted signature still speaks: %+v", got.Manifests)
	}
}
