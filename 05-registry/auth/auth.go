// Package auth proves to a registry who is asking. A registry answers 401
// with a challenge; the client answers the challenge with a password (Basic)
// or fetches a token from the server that the challenge names and shows that
// (Bearer). Transport dances it for any http.Client. Config and the functions
// around it know where `docker login` keeps what is needed for it.
package auth

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// Credentials are what `docker login` keeps; zero is anonymous.
type Credentials struct{ Username, Password, IdentityToken, RegistryToken string }

// header is the JSON inside of X-Registry-Auth, by which a client hands the
// daemon its credentials.
type header struct {
	Username      string `json:"username,omitempty"`
	Password      string `json:"password,omitempty"`
	Auth          string `json:"auth,omitempty"`
	ServerAddress string `json:"serveraddress,omitempty"`
	IdentityToken string `json:"identitytoken,omitempty"`
	RegistryToken string `json:"registrytoken,omitempty"`
}

// EncodeHeader renders credentials for host as the value of X-Registry-Auth.
func EncodeHeader(host string, c Credentials) string {
	b, _ := json.Marshal(header{Username: c.Username, Password: c.Password, ServerAddress: host,
		IdentityToken: c.IdentityToken, RegistryToken: c.RegistryToken}) // strings always marshal
	return base64.URLEncoding.EncodeToString(b)
}

// DecodeHeader reads the value of X-Registry-Auth. Nothing means anonymous;
// both alphabets of base64, padded or not, have been seen in clients. An
// error never quotes the value: it may be a password with a typing error.
func DecodeHeader(value string) (Credentials, error) {
	if value == "" {
		return Credentials{}, nil
	}
	plain := strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(value), "=")
	b, err := base64.RawURLEncoding.DecodeString(plain)
	if err != nil {
		return Credentials{}, fmt.Errorf("invalid X-Registry-Auth header: not base64")
	}
	var h header
	if err := json.Unmarshal(b, &h); err != nil {
		return Credentials{}, fmt.Errorf("invalid X-Registry-Auth header: not a JSON object")
	}
	c := Credentials{h.Username, h.Password, h.IdentityToken, h.RegistryToken}
	if h.Auth != "" && c.Username == "" {
		c.Username, c.Password, err = decodePair(h.Auth)
	}
	return c, err
}

// decodePair reads base64("user:password"), as config.json keeps it.
func decodePair(s string) (username, password string, err error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "", "", fmt.Errorf("invalid auth: not base64")
	}
	username, password, ok := strings.Cut(string(b), ":")
	if !ok || username == "" {
		return "", "", fmt.Errorf("invalid auth: no username")
	}
	return username, strings.TrimRight(password, "\x00"), nil
}

func encodePair(username, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
}
