// Package snapshot keeps many trees that share what they have in common.
package snapshot

import "drydock/01-namespaces/mount"

// A Store is a directory of snapshots. Committed ones are read-only and have
// a name (a chain ID), active ones have a key and a writable upper directory.
// It is safe for concurrent use.
type Store struct{}

// Open reads the store in dir, or makes an empty one.
func Open(dir string) (*Store, error) { panic("seam") }

// Prepare makes an active snapshot on top of the committed parent ("" is an
// empty tree). Nothing is mounted.
func (s *Store) Prepare(key, parent string) error { panic("seam") }

// Mount says how to mount key: an overlay, or a bind mount of its only
// directory. Target is empty.
func (s *Store) Mount(key string) (mount.Mount, error) { panic("seam") }

// Upper is the directory that holds what key has written itself.
func (s *Store) Upper(key string) (string, error) { panic("seam") }

// Layers are the directories of a committed name, or of an active key below
// its upper, top first.
func (s *Store) Layers(name string) ([]string, error) { panic("seam") }

// Commit turns the active key into the committed name; parent is what it was
// prepared on and must be committed.
func (s *Store) Commit(name, key string) error { panic("seam") }

// Has says whether name is committed.
func (s *Store) Has(name string) bool { panic("seam") }

// Remove deletes a key or a name that nothing stands on; missing is fine.
func (s *Store) Remove(name string) error { panic("seam") }

// Usage is what a key or name takes on disk by itself, in bytes.
func (s *Store) Usage(name string) (int64, error) { panic("seam") }
