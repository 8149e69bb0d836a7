package shim

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/sandbox"
	"drydock/01-namespaces/seccomp"
	"drydock/02-cgroups/cgroup"
)

// fill sets everything in v that travels to something that is not zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if at, ok := v.Addr().Interface().(*time.Time); ok {
			*at = time.Unix(1700000000, 42).UTC()
			return
		}
		for i := range v.NumField() {
			if travels(v.Type().Field(i)) {
				fill(v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("ż" + v.Type().Name())
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(1.5)
	default:
		if v.CanInt() {
			v.SetInt(-77)
		} else {
			v.SetUint(77)
		}
	}
}

func there[T any](t testing.TB, in T) (out T) {
	t.Helper()
	b, err := encode(nil, reflect.ValueOf(in))
	require.NoError(t, err)
	d := decoder{b: b}
	d.decode(reflect.ValueOf(&out).Elem())
	require.NoError(t, d.err)
	require.Empty(t, d.b)
	return out
}

// Every field of every message arrives: one that is added to the types of
// another chapter, and cannot travel, is found here.
func TestMessagesArriveWhole(t *testing.T) {
	var b Bundle
	fill(reflect.ValueOf(&b).Elem())
	require.Equal(t, b, there(t, b))
	var q request
	fill(reflect.ValueOf(&q).Elem())
	require.Equal(t, q, there(t, q))
	var r reply
	fill(reflect.ValueOf(&r).Elem())
	require.Equal(t, r, there(t, r))
	require.Equal(t, Bundle{}, there(t, Bundle{}))
}

func TestEmptyIsNotNil(t *testing.T) {
	got := there(t, Attach{DetachKeys: []byte{}})
	if got.DetachKeys == nil {
		t.Error("no keys at all are not Docker's keys")
	}
}

func TestOtherVersionsUnderstandEachOther(t *testing.T) {
	type newer struct {
		Running, Frozen bool
		Pid             int
		History         []string
	}
	b, err := encode(nil, reflect.ValueOf(newer{true, true, 7, []string{"a"}}))
	require.NoError(t, err)
	var got Status
	d := decoder{b: b}
	d.decode(reflect.ValueOf(&got).Elem())
	require.NoError(t, d.err)
	require.Equal(t, Status{Running: true, Pid: 7}, got)
}

func TestWhatCannotTravelIsSaid(t *testing.T) {
	if _, err := encode(nil, reflect.ValueOf(struct{ C chan int }{make(chan int)})); err == nil {
		t.Error("a channel was sent")
	}
}

// typical is the bundle of an ordinary container.
func typical() Bundle {
	return Bundle{
		ID: "c", Dir: "/run/c", Group: "drydock/c", Limits: cgroup.Limits{Memory: 1 << 30, CPUs: 1.5},
		Spec: sandbox.Spec{
			Root: mount.Mount{Type: "overlay", Options: []string{"lowerdir=1:2"}},
			Process: sandbox.Process{
				Args: []string{"sh"}, Env: []string{"PATH=/bin"}, Seccomp: make(seccomp.Program, 150),
			},
		},
	}
}

func FuzzDecode(f *testing.F) {
	b, err := encode(nil, reflect.ValueOf(typical()))
	require.NoError(f, err)
	f.Add(b)
	f.Add([]byte("\x04Spec\x00\x00\x00\x01\xff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var got Bundle
		d := decoder{b: in}
		d.decode(reflect.ValueOf(&got).Elem())
		if d.err != nil {
			return
		}
		// What is accepted can be said again, and means the same.
		if again := there(t, got); !reflect.DeepEqual(again, got) {
			t.Errorf("%+v became %+v", got, again)
		}
	})
}

func BenchmarkBundle(b *testing.B) {
	in := typical()
	b.Run("ours", func(b *testing.B) {
		for b.Loop() {
			there(b, in)
		}
	})
	b.Run("json", func(b *testing.B) {
		for b.Loop() {
			var out Bundle
			text, _ := json.Marshal(in)
			json.Unmarshal(text, &out)
		}
	})
}
