package stdio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// noon is a moment whose nanoseconds end in zeros: RFC 3339 drops them.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 120000000, time.FixedZone("", 3600))

func openLog(t testing.TB, maxSize int64, maxFiles int) (*Log, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c-json.log")
	l, err := OpenLog(path, maxSize, maxFiles)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l, path
}

func text(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func TestLogIsDockersFormat(t *testing.T) {
	l, path := openLog(t, 0, 1)
	taken, err := l.Append(Stdout, []byte("one <1>\ntwo"), noon)
	require.NoError(t, err)
	if taken != len("one <1>\n") {
		t.Errorf("an incomplete line must stay with the caller, taken %d", taken)
	}
	require.NoError(t, l.Finish(Stderr, []byte("two"), noon))
	want := `{"log":"one \u003c1\u003e\n","stream":"stdout","time":"2026-01-02T11:00:00.12Z"}` + "\n" +
		`{"log":"two","stream":"stderr","time":"2026-01-02T11:00:00.12Z"}` + "\n"
	if got := text(t, path); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// quoted is what encoding/json makes of s, the oracle of AppendString.
func quoted(t testing.TB, s []byte) string {
	t.Helper()
	want, err := json.Marshal(string(s))
	require.NoError(t, err)
	return string(want[1 : len(want)-1])
}

func TestStringsAreWrittenAsEncodingJSONDoes(t *testing.T) {
	var every []byte
	for c := range 256 {
		every = append(every, byte(c))
	}
	for _, s := range []string{
		"", "plain", string(every), "żółw 🚢", "\u2028\u2029\u202a", "\xe2\x80", "a\xffb", "\xed\xa0\x80", "\ufffd",
	} {
		if got, want := string(AppendString(nil, []byte(s))), quoted(t, []byte(s)); got != want {
			t.Errorf("%q becomes %s, want %s", s, got, want)
		}
	}
}

func FuzzString(f *testing.F) {
	f.Add([]byte("a\"\\\n\x00\xff\u2028é"))
	f.Fuzz(func(t *testing.T, s []byte) {
		if got, want := string(AppendString(nil, s)), quoted(t, s); got != want {
			t.Errorf("%q becomes %s, want %s", s, got, want)
		}
	})
}

func TestLongLinesAreCutWhereDockerCutsThem(t *testing.T) {
	long := strings.Repeat("x", maxLine)
	for _, c := range []struct {
		name, in string
		want     []string
	}{
		{"fits", long[1:] + "\n", []string{long[1:] + "\n"}},
		{"one too many", long + "\n", []string{long, "\n"}},
		{"two and a half", long + long + "y\n", []string{long, long, "y\n"}},
		{"not within a character", long[2:] + "€€\n", []string{long[2:], "€€\n"}},
		{"a character that ends there", long[3:] + "€\n", []string{long[3:] + "€", "\n"}},
		{"bytes that are no characters", strings.Repeat("\x80", maxLine) + "\n",
			[]string{strings.Repeat("\x80", maxLine), "\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for in := []byte(c.in); len(in) > 0; {
				n := lineEnd(in)
				require.NotZero(t, n)
				got, in = append(got, string(in[:n])), in[n:]
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestIncompleteLineWaits(t *testing.T) {
	for _, s := range []string{"", "x", strings.Repeat("x", maxLine-1)} {
		if n := lineEnd([]byte(s)); n != 0 {
			t.Errorf("%d bytes without a newline are no line yet, got %d", len(s), n)
		}
	}
}

func TestRotationTearsNoEntry(t *testing.T) {
	l, path := openLog(t, 200, 3)
	for i := range 20 {
		_, err := l.Append(Stdout, fmt.Appendf(nil, "line %d\n", i), noon)
		require.NoError(t, err)
	}
	// 68 or 69 bytes an entry: three fill a file, the fourth opens the next.
	for name, want := range map[string]string{"": "line 18", ".1": "line 15", ".2": "line 12"} {
		if got := text(t, path+name); !strings.Contains(got, want) || strings.Count(got, "\n") > 3 {
			t.Errorf("%s holds\n%swant it to begin with %s", path+name, got, want)
		}
	}
	if _, err := os.Stat(path + ".3"); !os.IsNotExist(err) {
		t.Errorf("three files were allowed, there is a fourth: %v", err)
	}
}

func TestOneBigReadRotatesInBetween(t *testing.T) {
	l, path := openLog(t, 200, 2)
	_, err := l.Append(Stdout, bytes.Repeat([]byte("x\n"), 100), noon)
	require.NoError(t, err)
	if size := len(text(t, path+".1")); size < 200 || size > 300 {
		t.Errorf("a full file has %d bytes, want it to end with the entry that passed 200", size)
	}
}

func TestOneFileIsEmptied(t *testing.T) {
	l, path := openLog(t, 100, 1)
	for range 10 {
		_, err := l.Append(Stdout, []byte("x\n"), noon)
		require.NoError(t, err)
	}
	if size := len(text(t, path)); size == 0 || size > 200 {
		t.Errorf("one file of 100 bytes was allowed, it has %d", size)
	}
}

func TestTornLineOfAPowerCutEndsThere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	require.NoError(t, os.WriteFile(path, []byte(`{"log":"ha`), 0o640))
	l, err := OpenLog(path, 0, 1)
	require.NoError(t, err)
	defer l.Close()
	_, err = l.Append(Stdout, []byte("whole\n"), noon)
	require.NoError(t, err)
	lines := strings.Split(text(t, path), "\n")
	require.Len(t, lines, 3)
	if !json.Valid([]byte(lines[1])) {
		t.Errorf("the line behind the torn one must be whole: %s", lines[1])
	}
}

func TestFullDiskTearsNoLine(t *testing.T) {
	l, path := openLog(t, 0, 1)
	_, err := l.Append(Stdout, []byte("before\n"), noon)
	require.NoError(t, err)
	whole := l.file
	l.file, err = os.OpenFile("/dev/full", os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = l.Append(Stdout, []byte("lost\n"), noon)
	require.ErrorContains(t, err, "write the log")
	l.file.Close()
	l.file = whole
	_, err = l.Append(Stdout, []byte("after\n"), noon)
	require.NoError(t, err)
	if got := text(t, path); strings.Contains(got, "lost") || strings.Count(got, "\n") != 2 {
		t.Errorf("the log must go on after a full disk:\n%s", got)
	}
}

func TestLinesCostNoAllocation(t *testing.T) {
	l, _ := openLog(t, 0, 1)
	p := bytes.Repeat([]byte("a line of ordinary length, as servers write them\n"), 1000)
	l.Append(Stdout, p, noon)
	if n := testing.AllocsPerRun(20, func() { l.Append(Stdout, p, noon) }); n > 0 {
		t.Errorf("1000 lines cost %v allocations", n)
	}
}

func BenchmarkLog(b *testing.B) {
	l, _ := openLog(b, 0, 1)
	line := []byte(strings.Repeat("x", 99) + "\n")
	p := bytes.Repeat(line, 650)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		l.Append(Stdout, p, time.Now())
		if l.size > 1<<28 {
			l.file.Truncate(0)
			l.size = 0
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*650), "ns/line")
}
