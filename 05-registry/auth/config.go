package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// HubKey is the name under which everybody keeps credentials for Docker Hub:
// the address of its first protocol, long gone.
const HubKey = "https://index.docker.io/v1/"

// A Config is docker's config.json as far as credentials go. What else stands
// in the file is kept as it is.
type Config struct {
	path    string
	fields  map[string]json.RawMessage
	entries map[string]entry
	store   string            // credsStore: the helper for all hosts
	helpers map[string]string // credHelpers: the helper for one
}

type entry struct {
	Auth          string `json:"auth,omitempty"`
	Username      string `json:"username,omitempty"`
	Password      string `json:"password,omitempty"`
	IdentityToken string `json:"identitytoken,omitempty"`
	RegistryToken string `json:"registrytoken,omitempty"`
}

// Path is where config.json lies: in $DOCKER_CONFIG, or in ~/.docker.
func Path() string {
	dir := os.Getenv("DOCKER_CONFIG")
	if dir == "" {
		home, _ := os.UserHomeDir() // without a home: beside us, as docker does
		dir = filepath.Join(home, ".docker")
	}
	return filepath.Join(dir, "config.json")
}

// Load reads the file at path; one that is not there is an empty one.
func Load(path string) (*Config, error) {
	c := &Config{path: path, fields: map[string]json.RawMessage{}, entries: map[string]entry{}}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	known := struct {
		Auths       *map[string]entry  `json:"auths"`
		CredsStore  *string            `json:"credsStore"`
		CredHelpers *map[string]string `json:"credHelpers"`
	}{&c.entries, &c.store, &c.helpers}
	if err := errors.Join(json.Unmarshal(b, &c.fields), json.Unmarshal(b, &known)); err != nil {
		return nil, fmt.Errorf("%s is not valid JSON", path) // never quoted: it holds passwords
	}
	return c, nil
}

// Key is the name of a host's entry in the file.
func Key(host string) string {
	switch host {
	case "docker.io", "index.docker.io", "registry-1.docker.io":
		return HubKey
	}
	return host
}

// Get finds the credentials for a registry host; none is the zero value. A
// helper that is configured for the host is asked before the file.
func (c *Config) Get(host string) (Credentials, error) {
	if name := c.helper(host); name != "" {
		return helper(name).get(Key(host))
	}
	e, ok := c.entries[Key(host)]
	if !ok {
		e = c.entries[c.loose(host)]
	}
	cred := Credentials{e.Username, e.Password, e.IdentityToken, e.RegistryToken}
	if e.Auth == "" {
		return cred, nil
	}
	var err error
	if cred.Username, cred.Password, err = decodePair(e.Auth); err != nil {
		return Credentials{}, fmt.Errorf("credentials for %s in %s: %w", host, c.path, err)
	}
	return cred, nil
}

// loose finds entries that old clients wrote as URLs: "https://host/v2/".
func (c *Config) loose(host string) string {
	for key := range c.entries {
		_, plain, found := strings.Cut(key, "://")
		if plain, _, _ = strings.Cut(plain, "/"); found && plain == host {
			return key
		}
	}
	return ""
}

// Put keeps credentials for a host, in its helper or in the file. An identity
// token takes the password's place.
func (c *Config) Put(host string, cred Credentials) error {
	if name := c.helper(host); name != "" {
		return helper(name).store(Key(host), cred)
	}
	e := entry{IdentityToken: cred.IdentityToken, RegistryToken: cred.RegistryToken}
	if cred.IdentityToken != "" {
		cred.Password = ""
	}
	if cred.Username != "" {
		e.Auth = encodePair(cred.Username, cred.Password)
	}
	c.entries[Key(host)] = e
	return c.save()
}

// Delete forgets a host.
func (c *Config) Delete(host string) error {
	if name := c.helper(host); name != "" {
		return helper(name).erase(Key(host))
	}
	delete(c.entries, Key(host))
	delete(c.entries, c.loose(host))
	return c.save()
}

func (c *Config) helper(host string) string {
	for _, key := range []string{host, Key(host)} {
		if name := c.helpers[key]; name != "" {
			return name
		}
	}
	return c.store
}

// save writes the file for its owner alone, all of it or none.
func (c *Config) save() error {
	auths, err := json.Marshal(c.entries)
	if err != nil {
		return err
	}
	c.fields["auths"] = auths
	b, err := json.MarshalIndent(c.fields, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(c.path), ".config-*") // made with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(b, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", c.path, err)
	}
	return os.Rename(f.Name(), c.path)
}
