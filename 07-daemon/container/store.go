package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"drydock/07-daemon/lifecycle"
)

const (
	wishFile  = "config.json"
	stateFile = "state.json"
)

// A Store keeps records, one directory a container, named after its id. Its
// methods may be called at once for different containers, not for the same.
type Store struct{ dir string }

// Open makes dir if it is missing. Only root may look inside: records hold
// environments, and environments hold passwords.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of containers: %w", err)
	}
	return &Store{dir: dir}, nil
}

// Dir is the directory of one container: its record lies there, and there is
// room for its log and the files that it gets in /etc.
func (s *Store) Dir(id string) string { return filepath.Join(s.dir, id) }

// Create makes the directory of a new container and saves its record.
func (s *Store) Create(r *Record) error {
	if r.ID == "" || strings.ContainsAny(r.ID, "/.") {
		return fmt.Errorf("create a record: %q is no container id", r.ID)
	}
	if err := os.Mkdir(s.Dir(r.ID), 0o700); err != nil {
		return fmt.Errorf("create the record of %s: %w", r.ID, err)
	}
	if err := s.Save(r); err != nil {
		os.RemoveAll(s.Dir(r.ID))
		return err
	}
	return nil
}

// Save writes all of the record. It is on disk when Save returns, unless the
// container goes with its end anyhow (--rm).
func (s *Store) Save(r *Record) error {
	if err := s.SaveState(r); err != nil {
		return err
	}
	return s.write(r.ID, wishFile, r, !r.transient())
}

// SaveState writes what became of the container, and waits for no disk.
func (s *Store) SaveState(r *Record) error {
	return s.write(r.ID, stateFile, &r.State, false)
}

// write replaces a file of the container's directory as a whole: a reader
// sees the old text or the new one, never half of it. See rename(2).
func (s *Store) write(id, name string, value any, durable bool) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode %s of %s: %w", name, id, err)
	}
	path := filepath.Join(s.Dir(id), name)
	if err := writeFile(path+".new", text, durable); err != nil {
		return fmt.Errorf("save %s of %s: %w", name, id, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("save %s of %s: %w", name, id, err)
	}
	if !durable {
		return nil
	}
	// The name is data of the directory, and the directory's name of its
	// parent: each wants its own fsync(2).
	return errors.Join(syncDir(s.Dir(id)), syncDir(s.dir))
}

func writeFile(path string, text []byte, durable bool) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil && durable {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Load reads every record. A broken one is told in the error and does not
// keep the others away: both results count.
func (s *Store) Load() ([]*Record, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	var records []*Record
	var broken []error
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		r, err := s.load(e.Name())
		if errors.Is(err, fs.ErrNotExist) { // Create or Remove was cut short
			err = os.RemoveAll(s.Dir(e.Name()))
		}
		if err != nil {
			broken = append(broken, fmt.Errorf("load the record of %s: %w", e.Name(), err))
			continue
		}
		if r != nil {
			records = append(records, r)
		}
	}
	return records, errors.Join(broken...)
}

func (s *Store) load(id string) (*Record, error) {
	r := &Record{}
	if err := readJSON(filepath.Join(s.Dir(id), wishFile), r); err != nil {
		return nil, err
	}
	switch {
	case r.ID != id:
		return nil, fmt.Errorf("it says that its id is %q", r.ID)
	case r.Config == nil || r.HostConfig == nil:
		return nil, errors.New("it has no configuration")
	}
	err := readJSON(filepath.Join(s.Dir(id), stateFile), &r.State)
	if err != nil || !r.State.Status.Valid() {
		r.State = lost(err)
	}
	return r, nil
}

// lost stands for a state that a power cut took. Nothing can run after one;
// 255 is what Docker says of an exit that nobody saw.
func lost(err error) State {
	s := State{Status: lifecycle.Exited, ExitCode: 255, Error: "its state was lost"}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.Error += ": " + err.Error()
	}
	return s
}

func readJSON(path string, value any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, value); err != nil {
		return fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return nil
}

// Remove deletes the directory of a container, its log included. A missing
// one is fine.
func (s *Store) Remove(id string) error {
	// The record goes first: whatever happens then, the container does not
	// come back as a half.
	if err := os.Remove(filepath.Join(s.Dir(id), wishFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the record of %s: %w", id, err)
	}
	if err := os.RemoveAll(s.Dir(id)); err != nil {
		return fmt.Errorf("remove the directory of %s: %w", id, err)
	}
	return nil
}
