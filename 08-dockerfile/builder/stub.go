package builder

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// mountpoints are what a container needs to stand its mounts on. Where the
// image lacks one, the sandbox makes it, in the layer: the deepest first.
var mountpoints = []string{
	"etc/hosts", "etc/hostname", "etc/resolv.conf", "dev/pts", "dev/shm", "dev/mqueue", "dev/console",
	"dev", "proc", "sys", "etc",
}

// stubs are the mount points that the tree does not have.
func (s *stage) stubs(chain string) (missing []string, err error) {
	below, err := s.view(chain)
	if err != nil {
		return nil, err
	}
	defer below.close()
	for _, name := range mountpoints {
		if _, err := below.stat(name); errors.Is(err, unix.ENOENT) {
			missing = append(missing, name)
		}
	}
	return missing, nil
}

// unstub takes the mount points away that only the sandbox wanted: the
// command itself could not have written there. See unlinkat(2).
func (s *stage) unstub(key string, stubs []string) error {
	upper, err := s.Snapshots.Upper(key)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(upper)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range stubs {
		info, err := root.Lstat(filepath.FromSlash(name))
		if err != nil || info.Mode().IsRegular() && info.Size() > 0 || !info.Mode().IsRegular() && !info.IsDir() {
			continue
		}
		if err := root.Remove(name); err != nil && !errors.Is(err, unix.ENOTEMPTY) && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}
