package serve

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/user"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// splitHost reads a -H value: unix:///path, tcp://address:port.
func splitHost(host string) (network, address string, err error) {
	network, address, found := strings.Cut(host, "://")
	switch {
	case !found && strings.HasPrefix(host, "/"):
		return "unix", host, nil
	case network == "unix" && strings.HasPrefix(address, "/"):
		return "unix", address, nil
	case network == "tcp" && address != "":
		if _, _, err := net.SplitHostPort(address); err != nil {
			return "", "", fmt.Errorf("invalid bind address (%s): %w", host, err)
		}
		return "tcp", address, nil
	}
	return "", "", fmt.Errorf("invalid bind address format: %s", host)
}

// listen opens every socket of o, or none.
func (o Options) listen() (sockets []net.Listener, err error) {
	defer func() {
		if err != nil {
			closeAll(sockets)
			sockets = nil
		}
	}()
	for _, host := range o.Hosts {
		network, address, err := splitHost(host)
		if err != nil {
			return sockets, err
		}
		open := listenUnix
		if network == "tcp" {
			open = listenTCP
		}
		l, err := open(address, o)
		if err != nil {
			return sockets, err
		}
		sockets = append(sockets, l)
	}
	return sockets, nil
}

// listenUnix binds path for its owner and the group alone: whoever may write
// to the socket is root on this machine. A socket that nobody serves any more
// is taken over.
func listenUnix(path string, o Options) (net.Listener, error) {
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return nil, fmt.Errorf("listen on %s: another daemon answers there", path)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		os.Remove(path)
	}
	mask := unix.Umask(0o177) // nobody may connect before the mode is right
	l, err := net.Listen("unix", path)
	unix.Umask(mask)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if err := own(path, o.Group); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// own gives the socket to a group. Docker's default one may be missing: then
// the socket stays with root's.
func own(path, group string) error {
	gid, err := strconv.Atoi(group)
	if err != nil {
		g, err := user.LookupGroup(group)
		if err != nil && (group == defaultGroup || group == "") {
			return nil
		}
		if err != nil {
			return fmt.Errorf("give %s to its group: %w", path, err)
		}
		if gid, err = strconv.Atoi(g.Gid); err != nil {
			return fmt.Errorf("give %s to group %s: %w", path, group, err)
		}
	}
	return os.Chown(path, 0, gid)
}

// listenTCP binds address. Without client certificates that is root for
// whoever can reach the port: said loudly on loopback, refused elsewhere.
func listenTCP(address string, o Options) (net.Listener, error) {
	config, err := o.tls()
	if err != nil {
		return nil, err
	}
	if config == nil {
		if !loopback(address) {
			return nil, fmt.Errorf("listen on tcp://%s: whoever reaches that port would be root on this machine; use --tlsverify with --tlscacert, --tlscert and --tlskey", address)
		}
		slog.Warn("the API is served without client certificates: every local user is root here", "address", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	if config != nil {
		l = tls.NewListener(l, config)
	}
	return l, nil
}

func loopback(address string) bool {
	host, _, _ := net.SplitHostPort(address)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// tls is nil without --tlsverify.
func (o Options) tls() (*tls.Config, error) {
	if !o.TLSVerify {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(o.TLSCert, o.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("read the server's certificate %s and key %s: %w", o.TLSCert, o.TLSKey, err)
	}
	pem, err := os.ReadFile(o.TLSCACert)
	if err != nil {
		return nil, fmt.Errorf("read the clients' certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", o.TLSCACert)
	}
	return &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{pair},
		ClientCAs:    pool,
		ClientAuth:   tls.RequireAndVerifyClientCert,
	}, nil
}
