// Package volume keeps directories that outlive containers.
//
//	DIR/web/_data         what the container sees
//	DIR/web/volume.json   labels, options, when it was made; written last
//	DIR/web/filling       only while the image's files are copied in
//
// A name without volume.json was left half-made by a crash and is removed by
// Open. Who uses a volume is kept in memory only: whoever restores the
// containers says it again.
package volume

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"drydock/01-namespaces/undo"
	"drydock/03-overlayfs/internal/tree"
)

// A Volume is a directory with a name.
type Volume struct {
	Name      string
	Path      string // the directory on the host
	Labels    map[string]string
	Options   map[string]string
	Anonymous bool
	Created   time.Time
}

// A Store is a directory of volumes, safe for concurrent use.
type Store struct {
	dir string

	mu      sync.Mutex // guards what follows, and the directories
	volumes map[string]Volume
	users   map[string]map[string]bool // by volume
}

// ErrInUse is why a volume is not removed.
var ErrInUse = errors.New("volume is in use")

// notFound reads as a sentence and is fs.ErrNotExist to errors.Is.
type notFound string

func (e notFound) Error() string        { return string(e) }
func (e notFound) Is(target error) bool { return target == fs.ErrNotExist }

// invalid reads as a sentence and is fs.ErrInvalid to errors.Is.
type invalid string

func (e invalid) Error() string        { return string(e) }
func (e invalid) Is(target error) bool { return target == fs.ErrInvalid }

// Open reads the store in dir, or makes an empty one.
func Open(dir string) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, err
	}
	s := &Store{dir: dir, volumes: map[string]Volume{}, users: map[string]map[string]bool{}}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if checkName(e.Name()) != nil || !e.IsDir() {
			continue // not ours
		}
		if err := s.load(e.Name()); err != nil {
			return nil, fmt.Errorf("volumes in %s: %w", dir, err)
		}
	}
	return s, nil
}

// load reads one volume, and removes what a crash has left of one.
func (s *Store) load(name string) error {
	b, err := os.ReadFile(s.path(name, recordName))
	if errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(s.path(name))
	}
	if err != nil {
		return err
	}
	var v Volume
	if err := json.Unmarshal(b, &v); err != nil || v.Name != name {
		return fmt.Errorf("%s is not the record of volume %s", s.path(name, recordName), name)
	}
	s.volumes[name] = v
	return nil
}

const recordName = "volume.json"

func (s *Store) path(names ...string) string {
	return filepath.Join(append([]string{s.dir}, names...)...)
}

// Create makes a volume, or returns the one of that name; an empty name
// makes an anonymous one with 64 hex digits.
func (s *Store) Create(v Volume) (Volume, error) {
	if v.Name == "" {
		digits := make([]byte, 32)
		rand.Read(digits)
		v.Name, v.Anonymous = hex.EncodeToString(digits), true
	}
	if err := errors.Join(checkName(v.Name), checkOptions(v.Options)); err != nil {
		return Volume{}, fmt.Errorf("create %s: %w", v.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.volumes[v.Name]; ok {
		return copyOf(old), nil
	}
	v = copyOf(v)
	v.Path = s.path(v.Name, "_data")
	if device, ok := v.bind(); ok {
		v.Path = device
	}
	v.Created = time.Now().UTC()
	if err := s.make(v); err != nil {
		return Volume{}, fmt.Errorf("create %s: %w", v.Name, err)
	}
	s.volumes[v.Name] = v
	return copyOf(v), nil
}

// make writes the directories of v, and last its record. See chmod(2).
func (s *Store) make(v Volume) (err error) {
	var back undo.Stack
	defer back.If(&err)
	dir, data := s.path(v.Name), s.path(v.Name, "_data")
	if err := os.Mkdir(dir, 0o711); err != nil {
		return err
	}
	back.Push(func() { os.RemoveAll(dir) })
	if err := os.Mkdir(data, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(data, 0o755); err != nil { // whatever our umask is
		return err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return durable(s.path(v.Name, recordName), b)
}

// durable writes a file that is whole after a power cut, or not there. See
// fsync(2): the name needs its own, on the directory.
func durable(path string, b []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// checkName holds a name to Docker's rule, which also makes it a safe name of
// a directory.
func checkName(name string) error {
	if len(name) < 2 {
		return invalid("volume name is too short, names should be at least two alphanumeric characters")
	}
	alnum := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	}
	for i, r := range name {
		if !alnum(r) && (i == 0 || !strings.ContainsRune("_.-", r)) {
			return invalid(fmt.Sprintf("%q includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path", name))
		}
	}
	if len(name) > 255 {
		return invalid(fmt.Sprintf("volume name of %d characters is too long, 255 fit", len(name)))
	}
	return nil
}

// copyOf shares no map with v.
func copyOf(v Volume) Volume {
	v.Labels, v.Options = maps.Clone(v.Labels), maps.Clone(v.Options)
	return v
}

// Get finds a volume.
func (s *Store) Get(name string) (Volume, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.get(name)
}

// get is Get for who holds mu.
func (s *Store) get(name string) (Volume, error) {
	v, ok := s.volumes[name]
	if !ok {
		return Volume{}, notFound(fmt.Sprintf("get %s: no such volume", name))
	}
	return copyOf(v), nil
}

// List is ordered by name.
func (s *Store) List() []Volume {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Volume, 0, len(s.volumes))
	for _, name := range slices.Sorted(maps.Keys(s.volumes)) {
		list = append(list, copyOf(s.volumes[name]))
	}
	return list
}

// Use marks the volume as used by user (a container id) until Release.
func (s *Store) Use(name, user string) (Volume, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.get(name)
	if err != nil {
		return Volume{}, err
	}
	if s.users[name] == nil {
		s.users[name] = map[string]bool{}
	}
	s.users[name][user] = true
	return v, nil
}

// Release forgets every use by user and returns the names it had, in order.
func (s *Store) Release(user string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name, users := range s.users {
		if !users[user] {
			continue
		}
		names = append(names, name)
		if delete(users, user); len(users) == 0 {
			delete(s.users, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Users are those who use the volume, in order.
func (s *Store) Users(name string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.users[name]))
}

// Remove deletes a volume that nobody uses; the error for one in use is
// ErrInUse. What a volume only points at (o=bind) stays.
func (s *Store) Remove(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.get(name); err != nil {
		return err
	}
	if users := slices.Sorted(maps.Keys(s.users[name])); len(users) > 0 {
		return fmt.Errorf("remove %s: %w - [%s]", name, ErrInUse, strings.Join(users, ", "))
	}
	// Without its record it is gone: should we be killed now, Open does the
	// rest.
	if err := os.Remove(s.path(name, recordName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	delete(s.volumes, name)
	if err := os.RemoveAll(s.path(name)); err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}

// Usage is what the volume takes on disk, in bytes.
func (s *Store) Usage(name string) (int64, error) {
	v, err := s.Get(name)
	if err != nil {
		return 0, err
	}
	return tree.Usage(v.Path)
}
