package image_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"drydock/03-overlayfs/snapshot"
	"drydock/04-images/image"
)

// putter is a process that puts images into the store at os.Args[1] until it
// is killed. It says a word before and a word behind each.
func putter() int {
	trees, err := snapshot.Open(filepath.Join(os.Args[1], "snapshots"))
	if err != nil {
		return 1
	}
	s, err := image.Open(filepath.Join(os.Args[1], "images"), trees)
	if err != nil {
		return 1
	}
	for i := 0; ; i++ {
		img, err := mutate.AppendLayers(empty.Image,
			layerOf(tarOf("base", "same"), types.OCILayer),
			layerOf(tarOf("f", strings.Repeat(fmt.Sprint(i), 200_000)), types.OCILayer))
		if err != nil {
			return 1
		}
		fmt.Println("put", i)
		if _, err := s.Put(ctx, img, nil, fmt.Sprintf("box:%d", i)); err != nil {
			return 1
		}
		fmt.Println("done", i)
	}
}

// killed runs putter on dir and kills it as soon as it looks at this word;
// what was done until then is the answer.
func killed(t *testing.T, dir, word string, wait func()) (done []string) {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	p, err := os.StartProcess("/proc/self/exe", []string{"putter", dir}, &os.ProcAttr{Files: []*os.File{nil, w, os.Stderr}})
	require.NoError(t, err)
	w.Close()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if line := lines.Text(); strings.HasPrefix(line, "done ") {
			done = append(done, "box:"+line[len("done "):])
		}
		if lines.Text() == word {
			wait()
			require.NoError(t, p.Signal(syscall.SIGKILL))
		}
	}
	state, err := p.Wait()
	require.NoError(t, err)
	if status := state.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
		t.Fatalf("the helper ended by itself: %v", state)
	}
	return done
}

// sound checks the store as others see it: every image that it lists is whole.
func (s shop) sound(t *testing.T, names []string) {
	t.Helper()
	index, err := layout.ImageIndexFromPath(filepath.Join(s.dir, "images"))
	require.NoError(t, err)
	require.NoError(t, validate.Index(index))
	for _, name := range names {
		img, err := s.Get(name)
		require.NoError(t, err, "Put had returned")
		require.NoError(t, validate.Image(img.Image))
		top, err := s.Unpack(ctx, img)
		require.NoError(t, err)
		require.True(t, s.trees.Has(top))
	}
}

func TestKilledInTheMiddleOfAPut(t *testing.T) {
	dir := t.TempDir()
	// Each wait ends at something that the disk shows: the kill comes between
	// bytes and blob, between blob and index, and right behind the name.
	appears := func(pattern string) func() {
		return func() {
			before, err := filepath.Glob(filepath.Join(dir, pattern))
			require.NoError(t, err)
			for now := before; len(now) == len(before); now, err = filepath.Glob(filepath.Join(dir, pattern)) {
				require.NoError(t, err)
			}
		}
	}
	for _, c := range []struct {
		word string
		wait func()
	}{
		{"put 2", func() {}},
		{"put 1", appears("images/tmp/*")},
		{"put 3", appears("images/blobs/sha256/*")},
		{"put 2", appears("snapshots/*/*")},
		{"done 2", func() {}},
	} {
		done := killed(t, dir, c.word, c.wait)
		s := reopen(t, dir)
		s.sound(t, done)
		if _, _, halves := s.count(t); halves != 0 {
			t.Errorf("killed at %q it left %d half-made things", c.word, halves)
		}
		_, err := s.Put(ctx, sample(t), nil, "after")
		require.NoError(t, err, "a store that was killed works on")
		for _, name := range append(done, "after") {
			_, err := s.Remove(name, true, nil)
			require.NoError(t, err)
		}
		require.NoError(t, s.Close())
	}
}

func TestAnArchiveCutAnywhereLeavesNothing(t *testing.T) {
	from, to := open(t), open(t)
	_, err := from.Put(ctx, imageOf(t, layerOf(tarOf("x", "y"), types.OCILayer)), nil, "box")
	require.NoError(t, err)
	archive := save(t, from, "box")
	whole := bytes.TrimRight(archive, "\x00") // a tar may lack its end
	for n := 0; n < len(whole); n += 10 {
		if _, err := load(to, archive[:n]); err == nil {
			t.Errorf("%d of %d bytes were taken for an image", n, len(archive))
		}
		to.untouched(t)
	}
	_, err = load(to, archive)
	require.NoError(t, err)
}

func TestAnArchiveOfNothingButNames(t *testing.T) {
	s := open(t)
	r, to := io.Pipe()
	go func() {
		w := tar.NewWriter(to)
		for i := range 1<<16 + 1 {
			if w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: fmt.Sprint(i), Linkname: "x"}) != nil {
				return
			}
		}
		to.CloseWithError(w.Close())
	}()
	_, err := s.Load(ctx, r, nil)
	require.ErrorContains(t, err, "more than 65536 members")
	r.Close()
	s.untouched(t)
}

func TestTheDiskMayFillUpAnywhere(t *testing.T) {
	for kind, step := range map[types.MediaType]int{types.OCILayer: 16, types.OCIUncompressedLayer: 4} {
		from := open(t)
		_, err := from.Put(ctx, imageOf(t, layerOf(tarOf("a", strings.Repeat("a", 100_000), "d", "/", "d/b", "b"), kind)), nil, "box")
		require.NoError(t, err)
		archive := save(t, from, "box")
		size := 40 // kilobytes
		for !fits(t, archive, size) {
			size += step
		}
		if size < 100 {
			t.Errorf("the image fits on %d kB, which it cannot", size)
		}
	}
}

// fits loads an archive on a disk of so many kilobytes. If they do not
// suffice, nothing may be left of it.
func fits(t *testing.T, archive []byte, size int) bool {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dk", size)))
	defer unix.Unmount(dir, unix.MNT_DETACH)
	s := reopen(t, dir)
	defer s.Close()
	_, err := load(s, archive)
	if err != nil {
		require.ErrorIs(t, err, unix.ENOSPC)
		s.untouched(t)
	}
	return err == nil
}

func TestTwoImagesThatShareALayerSideBySide(t *testing.T) {
	base := layerOf(tarOf("base", strings.Repeat("b", 100_000)), types.OCILayer)
	s := open(t)
	var all sync.WaitGroup
	for i := range 6 {
		img := imageOf(t, base, layerOf(tarOf("f", fmt.Sprint(i)), types.OCILayer))
		all.Go(func() {
			if _, err := s.Put(ctx, img, nil, fmt.Sprintf("box:%d", i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if blobs, trees, halves := s.count(t); blobs != 1+6*4 || trees != 7 || halves != 0 {
		t.Errorf("%d blobs, %d trees, %d halves; want 25, 7, 0: the base is there once", blobs, trees, halves)
	}
	s.sound(t, []string{"box:0", "box:5"})
}

func TestOneOfTwoPutsIsCancelled(t *testing.T) {
	s := open(t)
	first := slow{sample(t), make(chan struct{}, 3), make(chan struct{})}
	ctx1, cancel := context.WithCancel(ctx)
	failed, done := make(chan error), make(chan error)
	go func() { _, err := s.Put(ctx1, first, nil, "box:1"); failed <- err }()
	<-first.asked
	go func() { _, err := s.Put(ctx, sample(t), nil, "box:2"); done <- err }()
	cancel()
	close(first.let)
	require.Error(t, <-failed)
	require.NoError(t, <-done, "the other one brings the layers itself")
	_, err := s.Get("box:1")
	require.Error(t, err)
	if blobs, trees, halves := s.count(t); blobs != 6 || trees != 3 || halves != 0 {
		t.Errorf("%d blobs, %d trees, %d halves; want 6, 3, 0", blobs, trees, halves)
	}
	img, err := s.Get("box:2")
	require.NoError(t, err)
	layers, err := img.Layers()
	require.NoError(t, err)
	require.Len(t, layers, 3)
}
