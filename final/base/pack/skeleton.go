package pack

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Born is the time of every file and of the image. A real one would make each
// build different.
var Born = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// An entry is one name of a layer: a directory (mode with a trailing slash in
// the name), a link, or a file.
type entry struct {
	name string
	mode int64
	link string
	data []byte
}

// skeleton is the empty house: directories, accounts and a few files that
// programs look for. /usr/bin and /sbin are /bin, so that #!/usr/bin/env and
// /sbin/ip are found.
func skeleton() []entry {
	var all []entry
	for _, dir := range strings.Fields(`bin dev etc home mnt opt proc run srv sys usr usr/lib usr/local
		usr/local/bin usr/share var var/cache var/lib var/log var/spool var/www`) {
		all = append(all, entry{name: dir + "/", mode: 0o755})
	}
	all = append(all,
		entry{name: "root/", mode: 0o700}, entry{name: "tmp/", mode: 0o1777}, entry{name: "var/tmp/", mode: 0o1777},
		entry{name: "sbin", link: "bin"}, entry{name: "usr/bin", link: "../bin"}, entry{name: "usr/sbin", link: "../bin"},
		entry{name: "var/run", link: "../run"}, entry{name: "lib", link: "usr/lib"},
	)
	for name, text := range files() {
		all = append(all, entry{name: name, mode: 0o644, data: []byte(text)})
	}
	return all
}

// files is the text of /etc.
func files() map[string]string {
	return map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n" +
			"daemon:x:1:1:daemon:/usr/sbin:/bin/false\n" +
			"www-data:x:33:33:www-data:/var/www:/bin/false\n" +
			"nobody:x:65534:65534:nobody:/home:/bin/false\n",
		"etc/group": "root:x:0:\ndaemon:x:1:\ntty:x:5:\nwww-data:x:33:\nnogroup:x:65534:\n",
		"etc/hosts": "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n",
		// Without this a resolver may ask the network for localhost first.
		"etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
		"etc/profile":       "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
		"etc/shells":        "/bin/sh\n",
		"etc/os-release":    "NAME=\"Drydock base\"\nID=drydock\nPRETTY_NAME=\"Drydock base image\"\n",
		"etc/hostname":      "",
		"etc/resolv.conf":   "",
	}
}

// layer writes entries in the order of their names, owned by root, with one
// time for all, and compresses them without a name or time in the header.
func layer(entries []entry) (v1.Layer, error) {
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	archive := tar.NewWriter(zip)
	for _, e := range entries {
		if err := write(archive, e); err != nil {
			return nil, fmt.Errorf("write %s into a layer: %w", e.name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(packed.Bytes())), nil
	})
}

// write adds one entry.
func write(archive *tar.Writer, e entry) error {
	header := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.data)), ModTime: Born, Format: tar.FormatUSTAR, Typeflag: tar.TypeReg}
	switch {
	case strings.HasSuffix(e.name, "/"):
		header.Typeflag = tar.TypeDir
	case e.link != "":
		header.Typeflag, header.Linkname, header.Mode = tar.TypeSymlink, e.link, 0o777
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := archive.Write(e.data)
	return err
}
