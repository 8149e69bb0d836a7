package server

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"drydock/05-registry/wire"
)

// A repository is a directory of links into the blob store.
type repository struct{ name, dir string }

func (s *Server) repository(name string) repository {
	return repository{name, filepath.Join(s.config.Dir, "repositories", name)}
}

func (r repository) path(kind, entry string) string { return filepath.Join(r.dir, "_"+kind, entry) }

// entry is how a digest is called on disk.
func entry(h v1.Hash) string { return h.Algorithm + "-" + h.Hex }

// hash is the way back; what is no digest (a file half written) is skipped by
// the caller.
func hash(entry string) (v1.Hash, error) { return v1.NewHash(strings.Replace(entry, "-", ":", 1)) }

// link records an entry for good: its text is complete or it is not there.
func (r repository) link(kind, entry, text string) error {
	path := r.path(kind, entry)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails when all went well: it has moved
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("record %s of %s: %w", entry, r.name, err)
	}
	return nil
}

func (r repository) has(kind, entry string) bool {
	_, err := os.Stat(r.path(kind, entry))
	return err == nil
}

func (r repository) text(kind, entry string) (string, error) {
	b, err := os.ReadFile(r.path(kind, entry))
	return string(b), err
}

// entries lists a kind, sorted; a kind that has none is an empty list.
func (r repository) entries(kind string) ([]string, error) {
	list, err := os.ReadDir(r.path(kind, ""))
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	names := []string{}
	for _, e := range list {
		if !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// resolve finds the manifest that a tag or digest means.
func (r repository) resolve(reference string) (v1.Hash, error) {
	if h, err := v1.NewHash(reference); err == nil {
		return h, nil
	}
	if !wire.ValidTag(reference) {
		return v1.Hash{}, &fs.PathError{Op: "tag", Path: reference, Err: fs.ErrNotExist}
	}
	text, err := r.text("tags", reference)
	if err != nil {
		return v1.Hash{}, err
	}
	return v1.NewHash(text)
}

// repositories are the names that hold a manifest, sorted.
func (s *Server) repositories() ([]string, error) {
	var names []string
	root := filepath.Join(s.config.Dir, "repositories")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || !d.IsDir():
			return err
		case d.Name() == "_manifests":
			name, err := filepath.Rel(root, filepath.Dir(path))
			if list, listErr := s.repository(name).entries("manifests"); listErr != nil || len(list) > 0 {
				names = append(names, name)
			}
			if err != nil {
				return err
			}
		}
		if strings.HasPrefix(d.Name(), "_") {
			return filepath.SkipDir
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}
