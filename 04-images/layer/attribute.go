package layer

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// readAttributes reads the extended attributes of what path leads to,
// without those of overlayfs and the label of SELinux, which belongs to the
// machine and not to the image. See listxattr(2), getxattr(2).
func readAttributes(path string) (map[string]string, error) {
	size, err := unix.Listxattr(path, nil)
	if size == 0 || errors.Is(err, unix.ENOTSUP) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	list := make([]byte, size+1024)
	if size, err = unix.Listxattr(path, list); err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, key := range strings.Split(strings.TrimRight(string(list[:size]), "\x00"), "\x00") {
		if key == "" || key == "security.selinux" || isOverlay(key) {
			continue
		}
		value := make([]byte, maxAttribute)
		n, err := unix.Getxattr(path, key, value)
		if errors.Is(err, unix.ENODATA) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all[key] = string(value[:n])
	}
	return all, nil
}

// maxAttribute is the kernel's own limit, XATTR_SIZE_MAX.
const maxAttribute = 64 << 10
