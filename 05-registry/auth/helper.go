package auth

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// A helper is the program docker-credential-NAME, which keeps passwords in
// some keychain. It takes one word as its argument and talks over its standard
// input and output.
type helper string

// secret is a helper's form of credentials. A user called "<token>" means
// that the secret is an identity token.
type secret struct{ ServerURL, Username, Secret string }

const tokenUser = "<token>"

func (h helper) get(server string) (Credentials, error) {
	out, err := h.run("get", server)
	if err != nil {
		if strings.Contains(string(out), "credentials not found") {
			return Credentials{}, nil
		}
		return Credentials{}, err
	}
	var s secret
	if err := json.Unmarshal(out, &s); err != nil {
		return Credentials{}, fmt.Errorf("docker-credential-%s get: its answer is not JSON", h)
	}
	if s.Username == tokenUser {
		return Credentials{IdentityToken: s.Secret}, nil
	}
	return Credentials{Username: s.Username, Password: s.Secret}, nil
}

func (h helper) store(server string, c Credentials) error {
	s := secret{server, c.Username, c.Password}
	if c.IdentityToken != "" {
		s.Username, s.Secret = tokenUser, c.IdentityToken
	}
	in, err := json.Marshal(s)
	if err == nil {
		_, err = h.run("store", string(in))
	}
	return err
}

func (h helper) erase(server string) error {
	_, err := h.run("erase", server)
	return err
}

// run starts the helper. Its name comes from a file that the user owns; it
// must be a name all the same, so that PATH decides and not the file.
func (h helper) run(verb, in string) ([]byte, error) {
	if h == "" || string(h) != filepath.Base(string(h)) {
		return nil, fmt.Errorf("credential helper %q is not a program's name", string(h))
	}
	cmd := exec.Command("docker-credential-"+string(h), verb)
	cmd.Stdin = strings.NewReader(in)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("docker-credential-%s %s: %w: %s", h, verb, err, bytes.TrimSpace(out.Bytes()))
	}
	return out.Bytes(), nil
}
