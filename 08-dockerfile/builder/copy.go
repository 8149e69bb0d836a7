package builder

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"drydock/04-images/image"
	"drydock/08-dockerfile/dockerfile"
)

// A copying is one COPY or ADD.
type copying struct {
	*stage
	in       dockerfile.Instruction
	from     tree // where the sources are
	below    tree // where they go
	sources  []source
	dest     string // resolved in below, without links
	isDir    bool   // dest is one, or shall become one
	foreign  bool   // from is another stage: owners stay
	archives bool   // ADD unpacks them
}

// copy is COPY and ADD: a tar is written while chapter 4 lays it out.
func (s *stage) copy(ctx context.Context, in dockerfile.Instruction, step image.Step) error {
	c := &copying{stage: s, in: in, from: s.context, archives: in.Name == "ADD"}
	chain, err := s.chain(ctx)
	if err != nil {
		return err
	}
	if c.below, err = s.view(chain); err != nil {
		return err
	}
	defer c.below.close()
	if name := in.Flag("from"); name != "" {
		if c.from, err = s.other(ctx, name); err != nil {
			return err
		}
		defer c.from.close()
		c.foreign = true
	}
	if err := c.resolve(); err != nil {
		return err
	}
	return s.stream(ctx, step, c.below, c.write)
}

// stream makes a layer of the tar that write writes.
func (s *stage) stream(ctx context.Context, step image.Step, below tree, write func(*packer) error) error {
	from, to := io.Pipe()
	var failure error
	done := make(chan struct{})
	go func() {
		defer close(done)
		p := newPacker(to, below)
		if failure = write(p); failure == nil {
			failure = p.tar.Close()
		}
		to.CloseWithError(failure)
	}()
	step.Tar = from
	err := s.append(ctx, step)
	from.CloseWithError(errStopped)
	<-done
	if failure != nil && !errors.Is(failure, errStopped) {
		return failure // the cause; the other one says that the tar has ended
	}
	return err
}

var errStopped = errors.New("nobody reads the layer any more")

// other is the tree of another stage or of an image.
func (s *stage) other(ctx context.Context, name string) (tree, error) {
	name, err := s.expand(name)
	if err != nil {
		return tree{}, err
	}
	if earlier, ok := s.stageNamed(name); ok {
		if earlier.image == nil {
			return tree{}, nil
		}
		chain, err := earlier.chain(ctx)
		if err != nil {
			return tree{}, err
		}
		return s.view(chain)
	}
	if slices.ContainsFunc(s.file.Stages[s.index:], func(d dockerfile.Stage) bool { return d.Name == strings.ToLower(name) }) {
		return tree{}, refuse("--from=%s: this stage is not above the one that needs it", name)
	}
	img, err := s.find(ctx, name, s.target())
	if err != nil {
		return tree{}, err
	}
	chain, err := s.Images.Unpack(ctx, img)
	if err != nil {
		return tree{}, err
	}
	return s.view(chain)
}

// resolve finds out what goes where, before anything is written.
func (c *copying) resolve() error {
	args, err := c.words()
	if err != nil {
		return err
	}
	last := len(args) - 1
	for _, arg := range args[:last] {
		found, err := c.find(arg)
		if err != nil {
			return err
		}
		c.sources = append(c.sources, found...)
	}
	return c.destination(args[last])
}

// words are the arguments, with their variables replaced.
func (c *copying) words() ([]string, error) {
	var out []string
	for _, arg := range c.in.Args {
		if dockerfile.IsHeredoc(arg) {
			out = append(out, arg)
			continue
		}
		word, err := c.expand(arg)
		if err != nil {
			return nil, err
		}
		if word == "" {
			return nil, refuse("the argument %s is empty once its variables are replaced", arg)
		}
		out = append(out, word)
	}
	return out, nil
}

// destination resolves where the files go. Links of the image are followed
// inside of it.
func (c *copying) destination(text string) error {
	at, err := c.below.resolve(c.absolute(text))
	if err != nil {
		return err
	}
	slash := strings.HasSuffix(text, "/") || text == "." || strings.HasSuffix(text, "/.")
	if len(c.sources) > 1 && !slash && !at.is(unix.S_IFDIR) {
		return refuse("When using %s with more than one source file, the destination must be a directory and end with a /", c.in.Name)
	}
	if slash && at.there && !at.is(unix.S_IFDIR) {
		return refuse("the destination /%s is there and is no directory", at.name)
	}
	c.dest, c.isDir = at.name, slash || at.is(unix.S_IFDIR) || at.name == ""
	return nil
}

// write writes the layer.
func (c *copying) write(p *packer) error {
	if err := c.dress(p); err != nil {
		return err
	}
	for _, src := range c.sources {
		if err := c.one(p, src); err != nil {
			return err
		}
	}
	return nil
}

// dress reads --chown and --chmod. What comes from the context belongs to
// root, whoever owns it outside.
func (c *copying) dress(p *packer) error {
	if !c.foreign {
		p.owner = &owner{}
		p.excludes = func(name string) (bool, bool, error) {
			out, err := c.ignored.Excludes(name)
			return out, c.ignored.Prunes(), err
		}
	}
	if text, err := c.expand(c.in.Flag("chown")); err != nil {
		return err
	} else if text != "" {
		if p.owner, err = c.below.owner(text); err != nil {
			return err
		}
	}
	text, err := c.expand(c.in.Flag("chmod"))
	if err != nil || text == "" {
		return err
	}
	mode, err := strconv.ParseInt(text, 8, 16)
	if err != nil || mode < 0 || mode > 0o7777 {
		return refuse("--chmod takes an octal number like 755, not %q", text)
	}
	p.mode = &mode
	return nil
}

// one copies one source. Of a directory, what is in it is copied.
func (c *copying) one(p *packer, src source) error {
	dest := c.dest
	if !src.dir && c.isDir {
		dest = path.Join(dest, src.base)
	}
	if src.dir {
		return c.tree(p, src.name, dest)
	}
	if src.text != nil {
		return c.inline(p, src, dest)
	}
	dir, base := path.Split(src.name)
	root, err := c.from.dir(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if c.archives {
		if done, err := c.unpack(p, root, base); done || err != nil {
			return err
		}
	}
	if err := p.parents(dest); err != nil {
		return err
	}
	return p.put(root, base, src.name, dest)
}

// tree copies what is in a directory.
func (c *copying) tree(p *packer, name, dest string) error {
	root, err := c.from.dir(name)
	if err != nil {
		return err
	}
	defer root.Close()
	info, err := root.Stat(".")
	if err != nil {
		return err
	}
	if err := p.parents(dest); err != nil {
		return err
	}
	if err := p.directory(dest, header(info)); err != nil {
		return err
	}
	return p.children(root, ".", name, dest)
}

// inline writes a file whose text stands in the Dockerfile.
func (c *copying) inline(p *packer, src source, dest string) error {
	if err := p.parents(dest); err != nil {
		return err
	}
	if err := p.free(dest); err != nil {
		return err
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: dest, Mode: 0o644, ModTime: time.Now(), Size: int64(len(src.text.Content))}
	return p.content(h, strings.NewReader(src.text.Content))
}
