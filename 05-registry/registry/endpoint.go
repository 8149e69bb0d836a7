package registry

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// An endpoint is one address at which a registry may answer.
type endpoint struct {
	url *url.URL // without /v2/
	tls *tls.Config
}

// endpoints lists where a registry's host may be found, best first. Only hosts
// that were called insecure get a second chance without TLS: otherwise whoever
// sits on the line could force it by cutting the first try.
func (c *Client) endpoints(host string) ([]endpoint, error) {
	if host == hub {
		host = hubHost
	}
	config, err := c.tlsConfig(host)
	if err != nil {
		return nil, err
	}
	all := []endpoint{{url: &url.URL{Scheme: "https", Host: host}, tls: config}}
	if c.insecure(host) {
		config.InsecureSkipVerify = true
		all = append(all, endpoint{url: &url.URL{Scheme: "http", Host: host}})
	}
	return all, nil
}

// mirrors are copies of Docker Hub that somebody else keeps: they are asked
// first, for pulls, and never see credentials.
func (c *Client) mirrors(host string) ([]endpoint, error) {
	if host != hub {
		return nil, nil
	}
	var all []endpoint
	for _, mirror := range c.Mirrors {
		u, err := url.Parse(mirror)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("invalid mirror %q: want http:// or https:// and a host", mirror)
		}
		u.Path = strings.TrimRight(u.Path, "/")
		config, err := c.tlsConfig(u.Host)
		if err != nil {
			return nil, err
		}
		config.InsecureSkipVerify = c.insecure(u.Host)
		all = append(all, endpoint{url: u, tls: config})
	}
	return all, nil
}

// insecure tells whether host may be spoken to without TLS: on loopback
// nobody listens in, other hosts are the user's decision.
func (c *Client) insecure(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if slices.Contains(c.Insecure, host) || slices.Contains(c.Insecure, name) || name == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(name, "[]"))
	if err != nil {
		return false
	}
	return addr.IsLoopback() || slices.ContainsFunc(c.Insecure, func(s string) bool {
		prefix, err := netip.ParsePrefix(s)
		return err == nil && prefix.Contains(addr.Unmap())
	})
}

// tlsConfig reads the host's directory of certificates: *.crt are authorities
// to trust beside the system's, *.cert with its *.key is how we show ourselves.
func (c *Client) tlsConfig(host string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CertsDir == "" {
		return config, nil
	}
	dir := filepath.Join(c.CertsDir, host)
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch filepath.Ext(path) {
		case ".crt":
			err = trust(config, path)
		case ".cert":
			err = present(config, path)
		}
		if err != nil {
			return nil, err
		}
	}
	return config, nil
}

func trust(config *tls.Config, path string) error {
	pem, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if config.RootCAs == nil {
		if config.RootCAs, err = x509.SystemCertPool(); err != nil {
			return err
		}
	}
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s holds no certificate", path)
	}
	return nil
}

func present(config *tls.Config, path string) error {
	key := strings.TrimSuffix(path, ".cert") + ".key"
	pair, err := tls.LoadX509KeyPair(path, key)
	if err != nil {
		return fmt.Errorf("client certificate %s with %s: %w", path, key, err)
	}
	config.Certificates = append(config.Certificates, pair)
	return nil
}
