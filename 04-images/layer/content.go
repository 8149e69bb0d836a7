package layer

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

// fill writes the bytes of a file. Only a file that the tar itself calls
// sparse is searched for holes. See write(2), ftruncate(2).
func (t *tree) fill(fd int, h *tar.Header, data io.Reader) error {
	sparse := isSparse(h)
	for rest := h.Size; rest > 0; {
		n, err := io.ReadFull(data, t.buf[:min(rest, int64(len(t.buf)))])
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if sparse {
			err = writeHoles(fd, t.buf[:n])
		} else {
			err = writeAll(fd, t.buf[:n])
		}
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		rest -= int64(n)
	}
	if sparse {
		return unix.Ftruncate(fd, h.Size)
	}
	return nil
}

// isSparse says whether the tar left holes out. PAX spells it in records.
func isSparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// writeAll writes all of p. See write(2).
func writeAll(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := unix.Write(fd, p)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// hole is the unit in which holes are found: a block of most file systems.
const hole = 4096

var zeros [hole]byte

// writeHoles writes p and leaves blocks of zeros out. See lseek(2).
func writeHoles(fd int, p []byte) error {
	for len(p) > 0 {
		block := p[:min(hole, len(p))]
		p = p[len(block):]
		if bytes.Equal(block, zeros[:len(block)]) {
			if _, err := unix.Seek(fd, int64(len(block)), io.SeekCurrent); err != nil {
				return err
			}
		} else if err := writeAll(fd, block); err != nil {
			return err
		}
	}
	return nil
}

// attributePrefix is how PAX names extended attributes.
const attributePrefix = "SCHILY.xattr."

// setAttributes sets the extended attributes of an entry. Those of overlayfs
// are left out: from a stranger they could redirect one directory of the
// merged tree to another. What the file system does not know is passed over,
// as Docker does; a file capability that cannot be set is an error. See
// xattr(7).
func setAttributes(h *tar.Header, set func(key, value string) error) error {
	for record, value := range h.PAXRecords {
		key, ok := strings.CutPrefix(record, attributePrefix)
		if !ok || isOverlay(key) {
			continue
		}
		err := set(key, value)
		soft := errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EPERM) && key != "security.capability"
		if err != nil && !soft {
			return fmt.Errorf("set attribute %s: %w", key, err)
		}
	}
	return nil
}

// isOverlay says whether an attribute belongs to overlayfs.
func isOverlay(key string) bool {
	return strings.HasPrefix(key, "trusted.overlay.") || strings.HasPrefix(key, "user.overlay.")
}
