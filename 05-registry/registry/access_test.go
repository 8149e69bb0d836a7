package registry

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"

	"drydock/05-registry/server"
)

func TestSentencesAreDockers(t *testing.T) {
	host := serve(t, ours(t, server.Config{}))
	answer := func(status int, challenge, body string) string {
		return serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/token":
				io.WriteString(w, `{"token":"good for nothing"}`)
			case strings.Contains(r.URL.Path, "/manifests/"):
				w.Header().Set("WWW-Authenticate", strings.Replace(challenge, "HERE", "http://"+r.Host, 1))
				w.WriteHeader(status)
				io.WriteString(w, body)
			}
		}))
	}
	denied := answer(401, `Bearer realm="HERE/token",error="insufficient_scope"`, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`)
	forbidden := answer(403, "", `{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}`)
	nameless := answer(404, "", `{"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known to registry"}]}`)
	html := answer(404, "", "<html>")
	const may = "repository does not exist or may require 'docker login': denied: requested access to the resource is denied"
	for where, want := range map[string]string{
		host + "/nope":       "manifest for " + host + "/nope:latest not found: manifest unknown: manifest unknown",
		host + "/nope:v1":    "manifest for " + host + "/nope:v1 not found: manifest unknown: manifest unknown",
		denied + "/a/b:x":    "pull access denied for " + denied + "/a/b, " + may,
		forbidden + "/a/b:x": "pull access denied for " + forbidden + "/a/b, " + may,
		nameless + "/a":      "repository " + nameless + "/a not found: name unknown: repository name not known to registry",
		html + "/a":          "manifest for " + html + "/a:latest not found: manifest unknown: manifest unknown",
	} {
		_, err := new(Client).Pull(t.Context(), parse(t, where), v1.Platform{}, Credentials{})
		if err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", where, err, want)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: the error is not fs.ErrNotExist", where)
		}
	}
	if got := explain(nil, Reference{}); got != nil {
		t.Errorf("no error is explained as %v", got)
	}
}

func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	host := l.Addr().String()
	l.Close()
	var pauses []time.Duration
	_, err = hasty(&pauses).Pull(t.Context(), parse(t, host+"/a"), v1.Platform{}, Credentials{})
	want := fmt.Sprintf(`Get "http://%s/v2/": dial tcp %s: connect: connection refused`, host, host)
	if err == nil || err.Error() != want || len(pauses) > 0 {
		t.Errorf("got  %v after %v\nwant %s at once", err, pauses, want)
	}
}

// A host is spoken to without TLS only if it is on loopback or was called
// insecure: then TLS is tried first all the same.
func TestWhoMaySpeakPlainly(t *testing.T) {
	c := &Client{Insecure: []string{"plain.example", "other:5000", "10.0.0.0/8", "fd00::/8"}}
	for host, want := range map[string]bool{
		"localhost": true, "localhost:5000": true, "127.0.0.1:5000": true, "127.9.9.9": true, "[::1]:5000": true,
		"plain.example": true, "plain.example:5000": true, "other:5000": true, "10.1.2.3:80": true, "[fd00::1]:5000": true,
		"other": false, "other:5001": false, "11.1.2.3": false, "localhost.example": false, "docker.io": false, "127.0.0.1.example": false,
	} {
		if got := c.insecure(host); got != want {
			t.Errorf("%s may speak plainly: %v, want %v", host, got, want)
		}
		all, err := c.endpoints(host)
		require.NoError(t, err)
		if all[0].url.Scheme != "https" || all[0].tls.InsecureSkipVerify != want || (len(all) == 2) != want {
			t.Errorf("%s has end points %+v", host, all)
		}
	}
	plain := serve(t, http.NotFoundHandler())
	s := &session{client: c, base: &url.URL{Scheme: "https", Host: plain}, http: http.DefaultClient}
	want := fmt.Sprintf(`Get "https://%s/v2/": http: server gave HTTP response to HTTPS client`, plain)
	if err := s.ping(t.Context()); err == nil || err.Error() != want {
		t.Errorf("TLS to a server without it:\ngot  %v\nwant %s", err, want)
	}
}

func TestDockerHubIsElsewhere(t *testing.T) {
	all, err := new(Client).endpoints("docker.io")
	require.NoError(t, err)
	if len(all) != 1 || all[0].url.String() != "https://registry-1.docker.io" {
		t.Errorf("Docker Hub is at %v", all)
	}
	for in, want := range map[string]string{
		"": "docker.io", "https://index.docker.io/v1/": "docker.io", "registry-1.docker.io": "docker.io",
		"docker.io": "docker.io", "https://quay.io": "quay.io", "localhost:5000": "localhost:5000",
	} {
		if got := loginHost(in); got != want {
			t.Errorf("login to %q goes to %s, want %s", in, got, want)
		}
	}
}

func TestMirrorsAreTriedFirstAndWithoutCredentials(t *testing.T) {
	mirror := &meddler{Handler: oracle()}
	host := serve(t, mirror)
	img := image3(t)
	seed(t, host+"/library/busybox:latest", img)
	mirror.any = func(w http.ResponseWriter, r *http.Request) bool {
		if got := r.Header.Get("Authorization"); got != "" {
			t.Errorf("the mirror sees %s", got)
		}
		return false
	}
	c := &Client{Mirrors: []string{"http://127.0.0.1:1/down/", "http://" + host + "/"}}
	got, err := c.Pull(t.Context(), parse(t, "busybox"), v1.Platform{}, Credentials{RegistryToken: "shown unasked"})
	require.NoError(t, err)
	same(t, got, img)
	// What the mirror lacks is asked for at the source; here nobody can reach it.
	_, err = c.Pull(t.Context(), parse(t, "absent"), v1.Platform{}, Credentials{})
	if err == nil || !strings.HasPrefix(err.Error(), `Get "https://registry-1.docker.io/v2/": dial tcp`) {
		t.Errorf("the last word has %v", err)
	}
	c.Mirrors = []string{"mirror.example"}
	if _, err = c.Pull(t.Context(), parse(t, "busybox"), v1.Platform{}, Credentials{}); err == nil || !strings.Contains(err.Error(), "invalid mirror") {
		t.Errorf("a mirror without a scheme: %v", err)
	}
}

// A registry keeps its blobs in somebody else's store; that one must hand them
// out without learning who we are.
func TestRedirectsCarryNoCredentials(t *testing.T) {
	back := oracle()
	store := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "" {
			t.Errorf("the store sees %s", got)
		}
		back.ServeHTTP(w, r)
	}))
	img := image3(t)
	seed(t, store+"/a:1", img)
	front := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch _, password, _ := r.BasicAuth(); {
		case password != "pw":
			w.Header().Set("WWW-Authenticate", `Basic realm="front"`)
			w.WriteHeader(401)
		case strings.Contains(r.URL.Path, "/blobs/"):
			http.Redirect(w, r, "http://"+store+r.URL.Path, http.StatusTemporaryRedirect)
		default:
			back.ServeHTTP(w, r)
		}
	}))
	got, err := new(Client).Pull(t.Context(), parse(t, front+"/a:1"), v1.Platform{}, Credentials{Username: "ann", Password: "pw"})
	require.NoError(t, err)
	same(t, got, img)
}

func TestRedirectOutOfTLSIsRefused(t *testing.T) {
	s := new(session)
	secure := &http.Request{URL: &url.URL{Scheme: "https", Host: "a"}}
	plain := &http.Request{URL: &url.URL{Scheme: "http", Host: "b"}}
	if err := s.redirect(plain, []*http.Request{secure}); err == nil {
		t.Error("a redirect from https to http was followed")
	}
	if err := s.redirect(plain, []*http.Request{plain}); err != nil {
		t.Errorf("a redirect from http to http: %v", err)
	}
}

// certificate makes a self-signed one and its key, as PEM.
func certificate(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// A registry with a certificate of its own and a wish to see ours: both come
// from the host's directory.
func TestCertificatesOfAHost(t *testing.T) {
	cert, key := certificate(t)
	pair, err := tls.X509KeyPair(cert, key)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	ts := httptest.NewUnstartedServer(ours(t, server.Config{}))
	ts.Config.ErrorLog = quiet()
	ts.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	ts.StartTLS()
	defer ts.Close()
	host := strings.TrimPrefix(ts.URL, "https://")
	c := &Client{CertsDir: t.TempDir()}
	dir := filepath.Join(c.CertsDir, host)
	require.NoError(t, os.Mkdir(dir, 0o700))
	write := func(name string, b []byte) { require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o600)) }

	push := func() error {
		_, err := c.Push(t.Context(), parse(t, host+"/a:1"), image3(t), Credentials{}, nil)
		return err
	}
	write("ca.crt", cert)
	if push() == nil {
		t.Error("the registry let us in without a certificate")
	}
	write("client.cert", cert)
	if err := push(); err == nil || !strings.Contains(err.Error(), "client.key") {
		t.Errorf("a certificate without a key: %v", err)
	}
	write("client.key", key)
	if err := push(); err != nil {
		t.Errorf("with everything in place: %v", err)
	}
	write("ca.crt", []byte("no certificate"))
	if err := push(); err == nil || !strings.Contains(err.Error(), "holds no certificate") {
		t.Errorf("a broken authority: %v", err)
	}
}
