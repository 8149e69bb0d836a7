// Package volume keeps directories that outlive containers.
package volume

import "time"

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
type Store struct{}

// Open reads the store in dir, or makes an empty one.
func Open(dir string) (*Store, error) { panic("seam") }

// Create makes a volume, or returns the one of that name; an empty name
// makes an anonymous one with 64 hex digits.
func (s *Store) Create(v Volume) (Volume, error) { panic("seam") }

// Get finds a volume.
func (s *Store) Get(name string) (Volume, error) { panic("seam") }

// List is ordered by name.
func (s *Store) List() []Volume { panic("seam") }

// Use marks the volume as used by user (a container id) until Release.
func (s *Store) Use(name, user string) (Volume, error) { panic("seam") }

// Release forgets every use by user and returns the names it had.
func (s *Store) Release(user string) ([]string, error) { panic("seam") }

// Users are those who use the volume.
func (s *Store) Users(name string) []string { panic("seam") }

// CopyUp fills an empty volume with the tree at from, which the image has
// where the volume will be mounted. Only the first time.
func (s *Store) CopyUp(name, from string) error { panic("seam") }

// Remove deletes a volume that nobody uses.
func (s *Store) Remove(name string) error { panic("seam") }
