package image

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"drydock/04-images/layer"
)

// Load reads the archives of `docker save` and of OCI layouts (tar, gzipped
// or not) and returns the images with the names found in them.
//
// Names in an archive are keys of a map and never paths of ours: what they
// hold goes to the blobs, under the digest of what it is.
func (s *Store) Load(ctx context.Context, r io.Reader, progress Progress) ([]*Image, error) {
	plain, _, err := layer.Decompress(reader{ctx, r})
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	m := &members{store: s, files: map[string]v1.Hash{}, links: map[string]string{}}
	defer m.forget()
	if err := m.read(plain); err != nil {
		return nil, err
	}
	found, err := m.images()
	if err != nil {
		return nil, err
	}
	var images []*Image
	for _, f := range found {
		img, err := s.Put(ctx, f.content.image(s.blobs), loading(progress), f.names...)
		if err != nil {
			return nil, err
		}
		images = append(images, img)
	}
	return images, nil
}

// loading tells of layers in the words of `docker load`.
func loading(p Progress) Progress {
	if p == nil {
		return nil
	}
	return func(id, status string, current, total int64) {
		if status == "Extracting" {
			p(id, "Loading layer", current, total)
		}
	}
}

// members is what an archive holds.
type members struct {
	store *Store
	files map[string]v1.Hash // by clean name
	links map[string]string  // old docker and podman save equal layers once
	done  []func()
}

// maxMembers bounds the map of an archive that is nothing but names.
const maxMembers = 1 << 16

// read stores all members, each pinned until the end of Load.
func (m *members) read(r io.Reader) error {
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read archive: %w", err)
		}
		if len(m.files)+len(m.links) >= maxMembers {
			return fmt.Errorf("the archive has more than %d members", maxMembers)
		}
		if err := m.member(h, tr); err != nil {
			return fmt.Errorf("archive member %q: %w", h.Name, err)
		}
	}
}

func (m *members) member(h *tar.Header, r io.Reader) error {
	name := inside(h.Name)
	switch h.Typeflag {
	case tar.TypeReg:
		for key := range h.PAXRecords {
			if strings.HasPrefix(key, "GNU.sparse.") {
				return errors.New("a sparse file may claim any size")
			}
		}
		return m.file(name, h.Size, r)
	case tar.TypeSymlink:
		m.links[name] = inside(path.Join(path.Dir("/"+name), h.Linkname))
	case tar.TypeLink:
		m.links[name] = inside(h.Linkname)
	}
	return nil // directories and the rest say nothing
}

// inside is a name as it would be below a root; ".." ends there.
func inside(name string) string { return path.Clean("/" + name)[1:] }

// file stores one member. What is called blobs/sha256/… must be that blob.
func (m *members) file(name string, size int64, r io.Reader) error {
	var want v1.Hash
	if rest, ok := strings.CutPrefix(name, "blobs/"); ok {
		h, err := v1.NewHash(strings.Replace(rest, "/", ":", 1))
		if err != nil {
			return errors.New("this is not the name of a blob")
		}
		want = h
	}
	out, err := m.store.blobs.Create(want, size)
	if err != nil {
		return err
	}
	defer out.Close()
	if _, err := io.CopyBuffer(out, struct{ io.Reader }{r}, make([]byte, 256<<10)); err != nil {
		return err
	}
	if err := out.Verify(); err != nil {
		return err
	}
	h := out.Digest()
	m.done = append(m.done, m.store.pin([]v1.Hash{h}, nil))
	m.files[name] = h
	if m.store.blobs.Has(h) {
		return nil
	}
	_, err = out.Commit()
	return err
}

// forget lets go of the members; what no image uses is collected.
func (m *members) forget() {
	for _, release := range m.done {
		release()
	}
}

// find follows links of the archive to a member.
func (m *members) find(name string) (v1.Hash, error) {
	name = inside(name)
	for range 10 {
		if h, ok := m.files[name]; ok {
			return h, nil
		}
		next, ok := m.links[name]
		if !ok {
			break
		}
		name = next
	}
	return v1.Hash{}, fmt.Errorf("the archive has no %q", name)
}

// json reads a member that is a document; false says that there is none.
func (m *members) json(name string, v any) (bool, error) {
	h, ok := m.files[name]
	if !ok {
		return false, nil
	}
	raw, err := m.store.blobs.Read(h, maxJSON)
	if err != nil {
		return true, fmt.Errorf("%s: %w", name, err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return true, fmt.Errorf("%s: %w", name, err)
	}
	return true, nil
}
