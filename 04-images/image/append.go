package image

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"

	"drydock/04-images/blob"
	"drydock/04-images/layer"
)

// A Step makes a new image from an old one.
type Step struct {
	Parent *Image // nil: from nothing
	// Where the new layer comes from. Key is an active snapshot that was
	// prepared on the parent's tree: what it has changed becomes the layer and
	// the snapshot itself its tree, so the key is gone afterwards; with Keep
	// it stays active (docker commit) and the tree is a copy. Tar is a plain
	// tar of a layer. With neither, only the config changes.
	Key  string
	Keep bool
	Tar  io.Reader
	// Config is that of the new image. RootFS and the parent's history are
	// filled in; platform and time of creation if they are missing.
	Config  v1.ConfigFile
	History v1.History
	Names   []string
}

// Append performs a step and stores the image that it makes.
func (s *Store) Append(ctx context.Context, step Step) (*Image, error) {
	names, err := normals(step.Names)
	if err != nil {
		return nil, err
	}
	base := &content{}
	var sizes []int64
	if step.Parent != nil {
		base, sizes = step.Parent.content, slices.Clone(step.Parent.sizes)
		if _, err := s.Unpack(ctx, step.Parent); err != nil {
			return nil, err
		}
	}
	release := s.pin(base.everything())
	defer release()
	a := &appending{Store: s, step: step, parent: base.top()}
	defer a.forget()
	step.History.EmptyLayer = step.Key == "" && step.Tar == nil
	if !step.History.EmptyLayer {
		if err := a.layer(ctx); err != nil {
			return nil, fmt.Errorf("make a layer: %w", err)
		}
		sizes = append(sizes, a.size)
	}
	c, err := a.compose(base, step)
	if err != nil {
		return nil, err
	}
	own := s.pin(c.everything())
	defer own()
	return s.keep(c, sizes, names)
}

// An appending is a layer in the making.
type appending struct {
	*Store
	step    Step
	parent  string
	desc    v1.Descriptor
	diff    v1.Hash
	size    int64
	release func()
}

// forget lets go of what was pinned.
func (a *appending) forget() {
	if a.release != nil {
		a.release()
	}
}

// layer makes blob and tree in one pass over the tar.
func (a *appending) layer(ctx context.Context) error {
	out, err := a.blobs.Create(v1.Hash{}, -1)
	if err != nil {
		return err
	}
	defer out.Close()
	zip, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return err
	}
	sum := sha256.New()
	key, err := a.tree(ctx, io.MultiWriter(sum, zip))
	if err != nil {
		return err
	}
	if err := zip.Close(); err != nil {
		a.snapshots.Remove(key)
		return err
	}
	a.diff = v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}
	return a.settle(ctx, key, out)
}

// tree writes the tar to w and answers the snapshot that holds its tree.
func (a *appending) tree(ctx context.Context, w io.Writer) (string, error) {
	if a.step.Key == "" {
		return a.layOut(io.TeeReader(reader{ctx, a.step.Tar}, w))
	}
	dir, err := a.snapshots.Upper(a.step.Key)
	if err != nil {
		return "", err
	}
	upper, err := os.Open(dir)
	if err != nil {
		return "", err
	}
	defer upper.Close()
	if !a.step.Keep {
		a.size, err = layer.Diff(writer{ctx, w}, upper)
		return a.step.Key, err
	}
	from, to := io.Pipe()
	done := make(chan struct{})
	go func() {
		_, err := layer.Diff(writer{ctx, io.MultiWriter(to, w)}, upper)
		to.CloseWithError(err)
		close(done)
	}()
	key, err := a.layOut(from)
	from.CloseWithError(err)
	<-done
	return key, err
}

// layOut unpacks a tar into a new snapshot on the parent.
func (a *appending) layOut(r io.Reader) (key string, err error) {
	key = staging + rand.Text()
	if err := a.snapshots.Prepare(key, a.parent); err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			a.snapshots.Remove(key)
		}
	}()
	dir, err := a.snapshots.Upper(key)
	if err != nil {
		return "", err
	}
	root, err := os.Open(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	dirs, err := a.snapshots.Layers(key)
	if err != nil {
		return "", err
	}
	below, err := layer.OpenBelow(dirs)
	if err != nil {
		return "", err
	}
	defer below.Close()
	result, err := layer.Apply(root, r, layer.Options{Whiteouts: true, Below: below, Limit: a.Limit})
	a.size = result.Size
	return key, err
}

// settle gives blob and tree their names. A tree of this name that is there
// already is the same one.
func (a *appending) settle(ctx context.Context, key string, out *blob.Writer) error {
	chain := a.diff
	if a.parent != "" {
		chain = hashOf([]byte(a.parent + " " + a.diff.String()))
	}
	leave, err := a.alone(ctx, chain)
	if err != nil {
		return err
	}
	defer leave()
	a.desc = v1.Descriptor{MediaType: types.OCILayer, Digest: out.Digest(), Size: out.Size()}
	a.release = a.pin([]v1.Hash{a.desc.Digest}, []v1.Hash{chain})
	if _, err := out.Commit(); err != nil {
		return err
	}
	err = a.snapshots.Commit(chain.String(), key)
	if errors.Is(err, fs.ErrExist) {
		return a.snapshots.Remove(key)
	}
	return err
}

// compose writes the new config and manifest.
func (a *appending) compose(base *content, step Step) (*content, error) {
	config := step.Config
	config.RootFS = v1.RootFS{Type: "layers", DiffIDs: slices.Clone(base.config.RootFS.DiffIDs)}
	config.History = append(slices.Clone(base.config.History), step.History)
	layers := slices.Clone(base.manifest.Layers)
	for i := range layers {
		layers[i].MediaType = modern(layers[i].MediaType)
	}
	if a.diff.Hex != "" {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, a.diff)
		layers = append(layers, a.desc)
	}
	last := &config.History[len(config.History)-1]
	if last.Created.IsZero() {
		last.Created = v1.Time{Time: time.Now().UTC()}
	}
	if config.Created.IsZero() {
		config.Created = last.Created
	}
	if config.OS == "" {
		config.OS = runtime.GOOS
	}
	if config.Architecture == "" {
		config.Architecture = runtime.GOARCH
	}
	return compose(config, layers)
}

// compose makes the content of an image of config and layers.
func compose(config v1.ConfigFile, layers []v1.Descriptor) (*content, error) {
	if config.RootFS.DiffIDs == nil {
		config.RootFS.DiffIDs = []v1.Hash{} // null is not a list to strict readers
	}
	rawConfig, err := json.Marshal(config)
	if err != nil {
		return nil, err
	}
	return composeRaw(rawConfig, layers)
}

// composeRaw keeps the bytes of the config, and with them the image's id.
func composeRaw(rawConfig []byte, layers []v1.Descriptor) (*content, error) {
	if layers == nil {
		layers = []v1.Descriptor{}
	}
	raw, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Layers: layers,
		Config: v1.Descriptor{MediaType: types.OCIConfigJSON, Digest: hashOf(rawConfig), Size: int64(len(rawConfig))},
	})
	if err != nil {
		return nil, err
	}
	return parse(types.OCIManifestSchema1, raw, rawConfig)
}

// Import makes an image of one layer from a tar of a file system, packed or
// not.
func (s *Store) Import(ctx context.Context, r io.Reader, config v1.Config, message string, name string) (*Image, error) {
	plain, _, err := layer.Decompress(reader{ctx, r})
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	step := Step{
		Tar:     plain,
		Config:  v1.ConfigFile{Config: config},
		History: v1.History{Comment: message},
	}
	if name != "" {
		step.Names = []string{name}
	}
	return s.Append(ctx, step)
}

// A writer stops when its context is done.
type writer struct {
	ctx context.Context
	io.Writer
}

// Write implements io.Writer.
func (w writer) Write(p []byte) (int, error) {
	if w.ctx.Err() != nil {
		return 0, context.Cause(w.ctx)
	}
	return w.Writer.Write(p)
}
