package stdio

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var everything = Query{Tail: -1}

// lines reads a log to its end.
func lines(t testing.TB, path string, q Query) (got []string) {
	t.Helper()
	r, err := ReadLog(path, q)
	require.NoError(t, err)
	defer r.Close()
	for {
		e, err := r.Next(context.Background())
		if err == io.EOF {
			return got
		}
		require.NoError(t, err)
		got = append(got, string(e.Line))
	}
}

// say logs numbered lines, a second apart.
func say(t testing.TB, l *Log, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		_, err := l.Append(Stdout, fmt.Appendf(nil, "line %d\n", i), noon.Add(time.Duration(i)*time.Second))
		require.NoError(t, err)
	}
}

func numbered(from, to int) (want []string) {
	for i := from; i < to; i++ {
		want = append(want, fmt.Sprintf("line %d\n", i))
	}
	return want
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	l, path := openLog(t, 0, 1)
	said := "żółw \"quoted\" \\ <b>&\t\x00\x7f\u2028 end\n"
	_, err := l.Append(Stderr, []byte(said), noon)
	require.NoError(t, err)
	r, err := ReadLog(path, everything)
	require.NoError(t, err)
	defer r.Close()
	e, err := r.Next(context.Background())
	require.NoError(t, err)
	if string(e.Line) != said || e.Stream != Stderr || !e.Time.Equal(noon) {
		t.Errorf("got %q on %s at %s", e.Line, e.Stream, e.Time)
	}
}

func TestReadAcrossRotatedFiles(t *testing.T) {
	l, path := openLog(t, 200, 4)
	say(t, l, 0, 10)
	require.Equal(t, numbered(0, 10), lines(t, path, everything))
}

func TestTail(t *testing.T) {
	for _, maxSize := range []int64{0, 200} {
		l, path := openLog(t, maxSize, 9)
		say(t, l, 0, 10)
		for n := range 12 {
			got := lines(t, path, Query{Tail: n})
			if want := numbered(max(0, 10-n), 10); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("max-size %d: the last %d lines are %q, want %q", maxSize, n, got, want)
			}
		}
	}
}

func TestTailOfALogLongerThanABlock(t *testing.T) {
	l, path := openLog(t, 0, 1)
	say(t, l, 0, 3000)
	require.Equal(t, numbered(500, 3000), lines(t, path, Query{Tail: 2500}))
	require.Equal(t, numbered(0, 3000), lines(t, path, Query{Tail: 5000}))
}

func TestSinceAndUntil(t *testing.T) {
	l, path := openLog(t, 0, 1)
	say(t, l, 0, 10)
	q := Query{Tail: -1, Since: noon.Add(3 * time.Second), Until: noon.Add(6 * time.Second)}
	require.Equal(t, numbered(3, 7), lines(t, path, q))
}

func TestMissingLogIsEmpty(t *testing.T) {
	if got := lines(t, filepath.Join(t.TempDir(), "log"), everything); len(got) != 0 {
		t.Errorf("a log that does not exist has lines: %q", got)
	}
}

func TestForeignAndBrokenLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	text := strings.Join([]string{
		`{"log":"ha`,
		`{"log":"ships \ud83d\udea2\n","stream":"stdout","time":"2026-01-02T11:00:00Z"}`,
		`{"stream":"stderr","log":"other order\n","time":"2026-01-02T11:00:00Z","attrs":{"a":"b"}}`,
		`{"log":"\x","stream":"stdout","time":"2026-01-02T11:00:00Z"}`,
		`{"log":"no time","stream":"stdout","time":"yesterday"}`,
		`{"log":"` + strings.Repeat("x", maxForeign+blockSize) + `"}`,
		`{"log":"last\n","stream":"stdout","time":"2026-01-02T11:00:00Z"}`,
		`{"log":"not finished","stream":"stdout","time":"2026-01-02T11:00:00Z"}`,
	}, "\n")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o640))
	require.Equal(t, []string{"ships 🚢\n", "other order\n", "last\n"}, lines(t, path, everything))
}

// follower reads a log as it grows.
type follower struct {
	t *testing.T
	r *Reader
}

func follow(t *testing.T, path string, q Query) follower {
	t.Helper()
	q.Follow = true
	r, err := ReadLog(path, q)
	require.NoError(t, err)
	t.Cleanup(func() { r.Close() })
	return follower{t, r}
}

func (f follower) want(lines ...string) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, want := range lines {
		e, err := f.r.Next(ctx)
		require.NoError(f.t, err, "waiting for %q", want)
		require.Equal(f.t, want, string(e.Line))
	}
}

func TestFollowSeesWhatComes(t *testing.T) {
	l, path := openLog(t, 0, 1)
	say(t, l, 0, 2)
	f := follow(t, path, Query{Tail: 1})
	f.want(numbered(1, 2)...)
	woken := make(chan struct{})
	go func() { defer close(woken); f.want(numbered(2, 3)...) }()
	say(t, l, 2, 3)
	<-woken
}

func TestFollowFromNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	f := follow(t, path, everything)
	l, err := OpenLog(path, 0, 1)
	require.NoError(t, err)
	defer l.Close()
	say(t, l, 0, 2)
	f.want(numbered(0, 2)...)
}

func TestFollowThroughRotations(t *testing.T) {
	l, path := openLog(t, 200, 5)
	say(t, l, 0, 2)
	f := follow(t, path, everything)
	f.want("line 0\n")
	say(t, l, 2, 11) // three rotations while the follower looks away
	f.want(numbered(1, 11)...)
	say(t, l, 11, 20)
	f.want(numbered(11, 20)...)
}

func TestFollowALogThatIsEmptied(t *testing.T) {
	l, path := openLog(t, 200, 1)
	f := follow(t, path, everything)
	for i := range 20 {
		say(t, l, i, i+1)
		f.want(numbered(i, i+1)...)
	}
}

func TestFollowEndsWithTheContainer(t *testing.T) {
	l, path := openLog(t, 0, 1)
	ended := make(chan struct{})
	f := follow(t, path, Query{Tail: -1, Ended: ended})
	say(t, l, 0, 3)
	close(ended)
	f.want(numbered(0, 3)...)
	if _, err := f.r.Next(context.Background()); err != io.EOF {
		t.Errorf("want the end, got %v", err)
	}
}

func TestFollowerMayLeave(t *testing.T) {
	_, path := openLog(t, 0, 1)
	f := follow(t, path, everything)
	ctx, cancel := context.WithCancel(context.Background())
	left := make(chan error)
	go func() { _, err := f.r.Next(ctx); left <- err }()
	cancel()
	if err := <-left; err != context.Canceled {
		t.Errorf("got %v", err)
	}
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("a \"line\"\n\\half"), uint8(3))
	f.Add(bytes.Repeat([]byte("long "), 8000), uint8(200))
	f.Fuzz(func(t *testing.T, out []byte, step uint8) {
		out = bytes.ToValidUTF8(out, nil) // JSON cannot say anything else
		l, path := openLog(t, 0, 1)
		var held []byte
		for rest := out; len(rest) > 0; {
			n := min(len(rest), 1+int(step)*37)
			held, rest = append(held, rest[:n]...), rest[n:]
			taken, err := l.Append(Stdout, held, noon)
			require.NoError(t, err)
			held = held[taken:]
		}
		require.NoError(t, l.Finish(Stdout, held, noon))
		if got := strings.Join(lines(t, path, everything), ""); got != string(out) {
			t.Errorf("wrote %q, read %q", out, got)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	l, path := openLog(b, 0, 1)
	l.Append(Stdout, bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), 10000), noon)
	for b.Loop() {
		lines(b, path, everything)
	}
	b.ReportMetric(float64(b.N)*10000/b.Elapsed().Seconds(), "lines/s")
}
