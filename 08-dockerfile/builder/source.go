package builder

import (
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"drydock/08-dockerfile/dockerfile"
)

// A source is one file or directory to copy, or text of a heredoc.
type source struct {
	name string // without links
	base string // its last part, as it was written
	dir  bool
	text *dockerfile.Heredoc
}

// find answers what a source names: one thing, or all that match a pattern.
func (c *copying) find(text string) ([]source, error) {
	if dockerfile.IsHeredoc(text) {
		return c.heredoc(text)
	}
	if c.archives && (strings.Contains(text, "://") || strings.HasPrefix(text, "git@")) {
		return nil, c.absent(c.in, "sources on the network ("+text+")")
	}
	if clean := path.Clean(text); !c.foreign && (clean == ".." || strings.HasPrefix(clean, "../")) {
		return nil, refuse("forbidden path outside the build context: %s ()", text)
	}
	names := []string{path.Clean("/" + text)[1:]}
	if strings.ContainsAny(text, `*?[\`) {
		var err error
		if names, err = c.matches(names[0]); err != nil {
			return nil, err
		}
	}
	var found []source
	for _, name := range names {
		at, err := c.from.resolve(name)
		if err != nil {
			return nil, err
		}
		hidden, err := c.hidden(name, at)
		if err != nil {
			return nil, err
		}
		if at.there && !hidden {
			found = append(found, source{name: at.name, base: path.Base(name), dir: at.is(unix.S_IFDIR)})
		}
	}
	if len(found) == 0 {
		return nil, c.missing(text)
	}
	return found, nil
}

func (c *copying) missing(text string) error {
	if c.foreign {
		return refuse("stat %s: file does not exist", text)
	}
	return refuse("file not found in build context or excluded by .dockerignore: stat %s: file does not exist", text)
}

// hidden says whether .dockerignore hides a name. Something below a hidden
// directory may still be wanted.
func (c *copying) hidden(name string, at place) (bool, error) {
	if c.foreign {
		return false, nil
	}
	out, err := c.ignored.Excludes(name)
	return out && (c.ignored.Prunes() || !at.is(unix.S_IFDIR)), err
}

// matches are the names that a pattern means, sorted: part by part, since a
// directory in front of it may be a link.
func (c *copying) matches(pattern string) ([]string, error) {
	names := []string{""}
	for _, part := range parts(pattern) {
		var next []string
		for _, dir := range names {
			found, err := c.matchIn(dir, part)
			if err != nil {
				return nil, err
			}
			next = append(next, found...)
		}
		names = next
	}
	return names, nil
}

// matchIn are the names in one directory that match.
func (c *copying) matchIn(dir, part string) (found []string, err error) {
	if _, err := path.Match(part, ""); err != nil {
		return nil, refuse("the pattern %s is malformed", part)
	}
	root, err := c.from.dir(dir)
	if err != nil {
		return nil, nil // no directory: nothing in it matches
	}
	defer root.Close()
	f, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	for _, name := range names {
		if ok, _ := path.Match(part, name); ok {
			found = append(found, path.Join(dir, name))
		}
	}
	return found, err
}

// heredoc is a source whose text stands in the Dockerfile.
func (c *copying) heredoc(word string) ([]source, error) {
	for i, h := range c.in.Heredocs {
		if !strings.HasSuffix(strings.NewReplacer(`"`, "", `'`, "", `\`, "").Replace(word), h.Name) {
			continue
		}
		text := h.Text()
		if h.Expand {
			var err error
			if text, err = dockerfile.ExpandText(text, c.env, c.file.Escape); err != nil {
				return nil, refusal(err.Error())
			}
		}
		c.in.Heredocs[i].Content, c.in.Heredocs[i].Chomp = text, false
		return []source{{base: h.Name, text: &c.in.Heredocs[i]}}, nil
	}
	return nil, refuse("the text of %s is missing", word)
}
