package image

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"drydock/04-images/blob"
	"drydock/04-images/layer"
)

// A stagedLayer is a layer that is laid out in a directory of its own and waits
// for its parents.
type stagedLayer struct {
	*job
	i      int
	key    string   // of the active snapshot, "" when the tree was there
	root   *os.File // its upper directory
	result layer.Result
}

// stage reads a layer once: from the source (or from the blobs, if it is
// there) through the digest into a blob, and through decompression and the
// diff ID into a tree.
func (j *job) stage(ctx context.Context, i int) (_ *stagedLayer, err error) {
	st := &stagedLayer{job: j, i: i}
	defer func() {
		if err != nil {
			st.drop()
		}
	}()
	if !j.snapshots.Has(j.chains[i].String()) {
		if err := st.prepare(); err != nil {
			return nil, err
		}
	}
	if j.blobs.Has(j.manifest.Layers[i].Digest) {
		return st, st.fromBlob(ctx, nil)
	}
	return st, st.fromSource(ctx)
}

// prepare makes the directory, on the parent that may not be there yet.
func (st *stagedLayer) prepare() error {
	st.key = staging + rand.Text()
	if err := st.snapshots.Prepare(st.key, st.parent()); err != nil {
		return err
	}
	upper, err := st.snapshots.Upper(st.key)
	if err != nil {
		return err
	}
	st.root, err = os.Open(upper)
	return err
}

// parent is the chain ID below, "" for the lowest layer.
func (st *stagedLayer) parent() string {
	if st.i == 0 {
		return ""
	}
	return st.chains[st.i-1].String()
}

// drop throws the directory away, unless it was committed.
func (st *stagedLayer) drop() {
	if st.root != nil {
		st.root.Close()
	}
	if st.key != "" {
		st.snapshots.Remove(st.key)
	}
	st.key, st.root = "", nil
}

// fromSource fetches the layer and unpacks it on the way.
func (st *stagedLayer) fromSource(ctx context.Context) error {
	desc := st.manifest.Layers[st.i]
	l, err := st.source.LayerByDigest(desc.Digest)
	if err != nil {
		return err
	}
	in, err := l.Compressed()
	if err != nil {
		return err
	}
	defer in.Close()
	// Closing is what wakes a read that waits for the network.
	defer context.AfterFunc(ctx, func() { in.Close() })()
	out, err := st.blobs.Create(desc.Digest, desc.Size)
	if err != nil {
		return err
	}
	defer out.Close()
	id := short(desc.Digest)
	counted := st.meter(ctx, in, "Downloading")
	if err := st.unpack(io.TeeReader(counted, out), nil); err != nil {
		return firstOf(ctx, err)
	}
	st.progress(id, "Verifying Checksum", desc.Size, desc.Size)
	if _, err := out.Commit(); err != nil {
		return err
	}
	st.progress(id, "Download complete", desc.Size, desc.Size)
	return nil
}

// fromBlob unpacks the layer from the store; below is nil while the parents
// are not there.
func (st *stagedLayer) fromBlob(ctx context.Context, below *layer.Below) error {
	in, err := st.blobs.Verified(st.manifest.Layers[st.i].Digest)
	if err != nil {
		return err
	}
	defer in.Close()
	return firstOf(ctx, st.unpack(st.meter(ctx, in, "Extracting"), below))
}

// meter counts what is read and stops when ctx is done.
func (st *stagedLayer) meter(ctx context.Context, r io.Reader, status string) io.Reader {
	desc := st.manifest.Layers[st.i]
	return &meter{Reader: reader{ctx, r}, report: func(n int64) {
		st.progress(short(desc.Digest), status, n, desc.Size)
	}}
}

// unpack decompresses r, lays it out if a tree is wanted, and compares the
// diff ID. It reads r to its end: what hides behind the compressed stream
// belongs to the digest too.
func (st *stagedLayer) unpack(r io.Reader, below *layer.Below) error {
	plain, _, err := layer.Decompress(r)
	if err != nil {
		return err
	}
	defer plain.Close()
	sum := sha256.New()
	if err := st.layOut(io.TeeReader(plain, sum), below); err != nil {
		return err
	}
	if rest, err := io.Copy(io.Discard, r); err != nil || rest > 0 {
		return orElse(err, fmt.Errorf("%d bytes behind the end of the layer", rest))
	}
	return compareDiffID(st.config.RootFS.DiffIDs[st.i], sum)
}

// layOut makes the tree, or only reads when the tree is there already.
func (st *stagedLayer) layOut(r io.Reader, below *layer.Below) (err error) {
	if st.key == "" {
		_, err = io.Copy(io.Discard, io.LimitReader(r, layer.DefaultLimit))
		return err
	}
	if st.i == 0 {
		below = &layer.Below{}
	}
	st.result, err = layer.Apply(st.root, r, layer.Options{Whiteouts: true, Below: below, Limit: st.Limit})
	return err
}

func compareDiffID(want v1.Hash, sum hash.Hash) error {
	got := v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}
	if got != want {
		return fmt.Errorf("unpacked it is %s, but the config says diff ID %s: %w", got, want, blob.ErrDigest)
	}
	return nil
}

// commit settles what depends on the parents, which are there now, and gives
// the tree its name.
func (st *stagedLayer) commit(ctx context.Context) (err error) {
	if st.key == "" {
		st.sizes[st.i], err = st.known(st.content, st.i)
		return err
	}
	desc := st.manifest.Layers[st.i]
	st.progress(short(desc.Digest), "Extracting", desc.Size, desc.Size)
	if st.i > 0 {
		if err := st.settle(ctx); err != nil {
			return err
		}
	}
	st.sizes[st.i] = st.result.Size
	if err := st.snapshots.Commit(st.chains[st.i].String(), st.key); err != nil {
		return err
	}
	st.key = ""
	return nil
}

// settle corrects what was guessed about the parents; where a guess was
// wrong, the layer is laid out once more with the parents in sight.
func (st *stagedLayer) settle(ctx context.Context) error {
	dirs, err := st.snapshots.Layers(st.parent())
	if err != nil {
		return err
	}
	below, err := layer.OpenBelow(dirs)
	if err != nil {
		return err
	}
	defer below.Close()
	if ok, err := layer.Settle(st.root, st.result, below); ok || err != nil {
		return err
	}
	st.drop()
	if err := st.prepare(); err != nil {
		return err
	}
	return st.fromBlob(ctx, below)
}

// A reader stops when its context is done.
type reader struct {
	ctx context.Context
	io.Reader
}

// Read implements io.Reader.
func (r reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(p)
}

// firstOf prefers the reason why ctx is done to what followed from it.
func firstOf(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// orElse is err if there is one, and other if not.
func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
