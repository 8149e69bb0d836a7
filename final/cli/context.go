package cli

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"drydock/05-registry/auth"
)

// A buildContext is the archive that a build sends, packed while it is read.
type buildContext struct {
	io.ReadCloser
	dockerfile string // its name in the archive
	text       []byte // and what it says, if we know
	along      bool   // it is not in the directory and is sent along
}

// maxDockerfile is far above any Dockerfile that a person has written.
const maxDockerfile = 4 << 20

// openContext prepares what a build sends: a directory, or standard input,
// which is an archive or just a Dockerfile.
func (a *App) openContext(where, file string) (*buildContext, error) {
	if where == "-" {
		return a.contextFromInput(file)
	}
	info, err := os.Stat(where)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("context must be a directory: %s", where)
	}
	c := &buildContext{}
	if err := a.readDockerfile(c, where, file); err != nil {
		return nil, err
	}
	hidden, err := ignored(where, c.dockerfile)
	if err != nil {
		return nil, err
	}
	c.pack(func(w *tar.Writer) error { return c.directory(w, where, hidden) })
	return c, nil
}

// contextFromInput tells an archive from a Dockerfile by its first bytes.
func (a *App) contextFromInput(file string) (*buildContext, error) {
	if file == "-" {
		return nil, errors.New("invalid argument: can't use stdin for both build context and dockerfile")
	}
	in := bufio.NewReaderSize(a.In, 512)
	head, err := in.Peek(512)
	if len(head) == 0 {
		return nil, fmt.Errorf("standard input is empty: %w", err)
	}
	if isArchive(head) {
		return &buildContext{ReadCloser: io.NopCloser(in), dockerfile: file}, nil
	}
	c := &buildContext{dockerfile: "Dockerfile", along: true}
	if c.text, err = io.ReadAll(io.LimitReader(in, maxDockerfile)); err != nil {
		return nil, err
	}
	c.pack(c.sendAlong)
	return c, nil
}

func isArchive(head []byte) bool {
	for _, magic := range []string{"\x1f\x8b", "BZh", "\xfd7zXZ\x00", "\x28\xb5\x2f\xfd"} {
		if bytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return len(head) > 262 && string(head[257:262]) == "ustar"
}

// readDockerfile finds the Dockerfile, in the directory or elsewhere.
func (a *App) readDockerfile(c *buildContext, where, file string) (err error) {
	if file == "-" {
		c.text, err = io.ReadAll(io.LimitReader(a.In, maxDockerfile))
	} else {
		if file == "" {
			file = filepath.Join(where, "Dockerfile")
		}
		c.text, err = os.ReadFile(file)
		c.dockerfile = inside(where, file)
	}
	if c.dockerfile == "" {
		c.dockerfile, c.along = ".dockerfile.sent-along", true
	}
	return err
}

// inside is file relative to dir, or "" if it is elsewhere.
func inside(dir, file string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	file, err = filepath.Abs(file)
	if err != nil {
		return ""
	}
	rel, err := filepath.Rel(dir, file)
	if err != nil || !filepath.IsLocal(rel) {
		return ""
	}
	return filepath.ToSlash(rel)
}

// ignored reads which files stay at home. The Dockerfile and the list itself
// are needed, whatever the list says.
func ignored(where, dockerfile string) (*patternmatcher.PatternMatcher, error) {
	var patterns []string
	for _, name := range []string{dockerfile + ".dockerignore", ".dockerignore"} {
		f, err := os.Open(filepath.Join(where, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if patterns, err = ignorefile.ReadAll(f); err != nil {
			return nil, err
		}
		patterns = append(patterns, "!"+dockerfile, "!"+name)
		break
	}
	m, err := patternmatcher.New(patterns)
	if err != nil {
		return nil, fmt.Errorf("a pattern in .dockerignore is malformed: %w", err)
	}
	return m, nil
}

// pack writes the archive as it is read; whoever closes it ends the packing.
func (c *buildContext) pack(write func(*tar.Writer) error) {
	from, to := io.Pipe()
	c.ReadCloser = from
	go func() {
		w := tar.NewWriter(to)
		err := write(w)
		if err == nil {
			err = w.Close()
		}
		to.CloseWithError(err)
	}()
}

// sendAlong writes a Dockerfile that is not in the directory.
func (c *buildContext) sendAlong(w *tar.Writer) error {
	if err := w.WriteHeader(&tar.Header{Name: c.dockerfile, Mode: 0o600, Size: int64(len(c.text))}); err != nil {
		return err
	}
	_, err := w.Write(c.text)
	return err
}

// directory writes what is below dir. No link is followed.
func (c *buildContext) directory(w *tar.Writer, dir string, hidden *patternmatcher.PatternMatcher) error {
	if c.along {
		if err := c.sendAlong(w); err != nil {
			return err
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		out, err := hidden.MatchesOrParentMatches(name)
		if err != nil {
			return err
		}
		if out && d.IsDir() && !mayReturn(hidden, name) {
			return filepath.SkipDir
		}
		if out {
			return nil
		}
		return packOne(w, root, name)
	})
}

// mayReturn says whether a pattern brings something below a hidden directory
// back.
func mayReturn(m *patternmatcher.PatternMatcher, dir string) bool {
	return slices.ContainsFunc(m.Patterns(), func(p *patternmatcher.Pattern) bool {
		return p.Exclusion() && (strings.ContainsAny(p.String(), "*?[") || strings.HasPrefix(p.String(), dir+"/"))
	})
}

// packOne writes one file, as root's.
func packOne(w *tar.Writer, root *os.Root, name string) error {
	info, err := root.Lstat(name)
	if err != nil || info.Mode()&fs.ModeSocket != 0 {
		return err
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err = root.Readlink(name); err != nil {
			return err
		}
	}
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	h.Name = filepath.ToSlash(name)
	if info.IsDir() {
		h.Name += "/"
	}
	h.Uid, h.Gid, h.Uname, h.Gname, h.Format = 0, 0, "", "", tar.FormatPAX
	if err := w.WriteHeader(h); err != nil || !info.Mode().IsRegular() {
		return err
	}
	f, err := root.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.CopyN(w, f, h.Size)
	return err
}

// registriesOf are the credentials of the registries that a Dockerfile names,
// as a value of X-Registry-Config.
func registriesOf(dockerfile []byte) (string, error) {
	config, err := auth.Load(auth.Path())
	if err != nil {
		return "", err
	}
	found := map[string]auth.Credentials{}
	for line := range strings.Lines(string(dockerfile)) {
		for _, word := range strings.Fields(line) {
			host := registryOf(strings.TrimPrefix(word, "--from="))
			if !strings.EqualFold(strings.Fields(line)[0], "FROM") && !strings.HasPrefix(word, "--from=") {
				continue
			}
			cred, err := config.Get(host)
			if err != nil {
				return "", err
			}
			if cred != (auth.Credentials{}) {
				found[auth.Key(host)] = cred
			}
		}
	}
	if len(found) == 0 {
		return "", nil
	}
	text, err := json.Marshal(found)
	return base64.URLEncoding.EncodeToString(text), err
}
