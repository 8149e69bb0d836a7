package serve

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/01-namespaces/sandboxtest"
)

// The tests listen on loopback in a network namespace of their own.
func TestMain(m *testing.M) {
	sandboxtest.Main(m, map[string]func() int{"second-daemon": second})
}

// second is another process that wants the pid file of the first.
func second() int {
	if _, err := (Options{Pidfile: os.Args[1]}).claim(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func TestSocketIsForItsGroupAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sock")
	sockets, err := Options{Hosts: []string{"unix://" + path}, Group: "7"}.listen()
	require.NoError(t, err)
	defer closeAll(sockets)
	var st unix.Stat_t
	require.NoError(t, unix.Stat(path, &st))
	if st.Mode&0o777 != 0o660 || st.Uid != 0 || st.Gid != 7 {
		t.Errorf("mode %o, owner %d:%d: whoever may write to the socket is root here, want 660 and 0:7", st.Mode&0o777, st.Uid, st.Gid)
	}
}

func TestGroupThatIsNotThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sock")
	_, err := Options{Hosts: []string{"unix://" + path}, Group: "no-such-group"}.listen()
	if err == nil || !strings.Contains(err.Error(), "no-such-group") {
		t.Errorf("got %v: the users of that group would wonder", err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the refused socket was left behind")
	}
}

func TestStaleSocketIsTakenOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sock")
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	require.NoError(t, err)
	dead.SetUnlinkOnClose(false) // as a SIGKILL leaves it
	require.NoError(t, dead.Close())
	sockets, err := Options{Hosts: []string{"unix://" + path}}.listen()
	require.NoError(t, err)
	closeAll(sockets)
}

func TestServedSocketIsNotTaken(t *testing.T) {
	dir := t.TempDir()
	first, err := Options{Hosts: []string{"unix://" + dir + "/a"}}.listen()
	require.NoError(t, err)
	defer closeAll(first)
	_, err = Options{Hosts: []string{"unix://" + dir + "/b", "unix://" + dir + "/a"}}.listen()
	if err == nil || !strings.Contains(err.Error(), "another daemon answers there") {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Lstat(dir + "/b"); err == nil {
		t.Error("half of the sockets were left open")
	}
}

func TestFileIsNoSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "precious")
	require.NoError(t, os.WriteFile(path, []byte("data"), 0o600))
	if _, err := (Options{Hosts: []string{"unix://" + path}}).listen(); err == nil {
		t.Error("a file that is no socket was taken over")
	}
	if b, _ := os.ReadFile(path); string(b) != "data" {
		t.Error("the file is gone")
	}
}

func TestPlainTCPStaysOnLoopback(t *testing.T) {
	sockets, err := Options{Hosts: []string{"tcp://127.0.0.1:0"}}.listen()
	require.NoError(t, err)
	closeAll(sockets)
	for _, address := range []string{"0.0.0.0:0", "[::]:0", "10.0.0.1:2375", ":2375"} {
		_, err := Options{Hosts: []string{"tcp://" + address}}.listen()
		if err == nil || !strings.Contains(err.Error(), "use --tlsverify") {
			t.Errorf("tcp://%s: got %v: whoever reaches it is root", address, err)
		}
	}
}

// certificate signs a certificate for name and writes it and its key to dir.
// Without a parent it is an authority that signs itself.
func certificate(t *testing.T, dir, name string, parent *tls.Certificate) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: parent == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	signer, by := template, key
	if parent != nil {
		signer, by = parent.Leaf, parent.PrivateKey.(*ecdsa.PrivateKey)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer, &key.PublicKey, by)
	require.NoError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+".pem"), certPEM, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+"-key.pem"), keyPEM, 0o600))
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	require.NoError(t, err)
	pair.Leaf, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return &pair
}

func TestTLSWantsAClientsCertificate(t *testing.T) {
	dir := t.TempDir()
	ca, stranger := certificate(t, dir, "ca", nil), certificate(t, dir, "stranger", nil)
	certificate(t, dir, "server", ca)
	ours, theirs := certificate(t, dir, "client", ca), certificate(t, dir, "other", stranger)
	o := Options{Hosts: []string{"tcp://127.0.0.1:0"}, TLSVerify: true, TLSCACert: dir + "/ca.pem", TLSCert: dir + "/server.pem", TLSKey: dir + "/server-key.pem"}
	sockets, err := o.listen()
	require.NoError(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "OK") })}
	_, wait := serveAll(server, sockets)
	defer wait()
	defer server.Close()

	roots := x509.NewCertPool()
	roots.AddCert(ca.Leaf)
	for _, c := range []struct {
		name  string
		shown []tls.Certificate
		good  bool
	}{{"ours", []tls.Certificate{*ours}, true}, {"a stranger's", []tls.Certificate{*theirs}, false}, {"no", nil, false}} {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: c.shown}}}
		resp, err := client.Get("https://" + sockets[0].Addr().String())
		if err == nil {
			resp.Body.Close()
		}
		if (err == nil) != c.good {
			t.Errorf("%s certificate: got %v, want an answer: %t", c.name, err, c.good)
		}
	}
}

func TestTLSWithoutItsFiles(t *testing.T) {
	dir := t.TempDir()
	certificate(t, dir, "server", nil)
	require.NoError(t, os.WriteFile(dir+"/empty.pem", nil, 0o600))
	good := Options{Hosts: []string{"tcp://127.0.0.1:0"}, TLSVerify: true, TLSCACert: dir + "/server.pem", TLSCert: dir + "/server.pem", TLSKey: dir + "/server-key.pem"}
	for want, broken := range map[string]func(*Options){
		"read the server's certificate":           func(o *Options) { o.TLSKey = dir + "/none.pem" },
		"read the clients' certificate authority": func(o *Options) { o.TLSCACert = dir + "/none.pem" },
		"holds no certificate":                    func(o *Options) { o.TLSCACert = dir + "/empty.pem" },
	} {
		o := good
		broken(&o)
		if _, err := o.listen(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestOneDaemonAPidFile(t *testing.T) {
	o := Options{Pidfile: filepath.Join(t.TempDir(), "drydockd.pid")}
	unlock, err := o.claim()
	require.NoError(t, err)
	if b, _ := os.ReadFile(o.Pidfile); string(b) != strconv.Itoa(os.Getpid()) {
		t.Errorf("the pid file says %q, we are %d", b, os.Getpid())
	}
	other := exec.Command("/proc/self/exe", o.Pidfile)
	other.Args[0] = "second-daemon"
	if out, err := other.Output(); err == nil || !strings.Contains(string(out), "another drydockd holds") {
		t.Errorf("a second daemon got the same directories: %v, %s", err, out)
	}
	unlock()
	if _, err := os.Stat(o.Pidfile); err == nil {
		t.Error("the pid file outlives the daemon")
	}
	require.NoError(t, os.WriteFile(o.Pidfile, []byte("999999 of a daemon that was killed"), 0o600))
	unlock, err = o.claim()
	require.NoError(t, err, "a pid file that nobody holds is nobody's")
	defer unlock()
	if b, _ := os.ReadFile(o.Pidfile); string(b) != strconv.Itoa(os.Getpid()) {
		t.Errorf("the pid file says %q", b)
	}
}
