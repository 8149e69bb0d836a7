package bridge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A record is how a network is kept on disk. Made is written before its
// bridge is: after a crash we know which interfaces are ours to remove.
type record struct {
	Network
	Made bool
}

// saved is the file networks.json.
type saved struct {
	Networks []record
	Forward  string // the boot in which we turned ip_forward on
}

func load(dir string) (saved, error) {
	var s saved
	if dir == "" {
		return s, nil
	}
	b, err := os.ReadFile(filepath.Join(dir, "networks.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("read networks: %w", err)
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("read networks from %s: %w", filepath.Join(dir, "networks.json"), err)
	}
	return s, nil
}

// save keeps the books. The new file is complete on disk before it takes the
// place of the old one, so that a power cut leaves one of the two. See
// rename(2).
func (d *Driver) save() error {
	if d.config.Dir == "" {
		return nil
	}
	s := saved{Forward: d.boot}
	for _, n := range d.networks {
		s.Networks = append(s.Networks, record{n.Network, n.made})
	}
	slices.SortFunc(s.Networks, func(a, b record) int { return strings.Compare(a.Name, b.Name) })
	b, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	if err := replace(d.config.Dir, "networks.json", b); err != nil {
		return fmt.Errorf("save networks: %w", err)
	}
	return nil
}

func replace(dir, name string, b []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, name+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
