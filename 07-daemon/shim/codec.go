package shim

import (
	"encoding"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"reflect"
)

// The messages of the protocol are Go values, written field by field: name,
// length, value. Fields travel by name, so a daemon and the shim of an older
// one understand each other: what is zero is not sent, what is unknown is
// skipped. JSON would do the same, but encoding/json costs each container 350
// kB of program, 150 kB of memory and a third of a millisecond of its start.
//
//	integer, bool     varint
//	string            length, bytes
//	slice             count, elements; as one block if they have a fixed size
//	map               count, keys and values
//	struct            fields, and an empty name
//	pointer           what it points to

// encode appends v, for which decode has the way back.
func encode(dst []byte, v reflect.Value) ([]byte, error) {
	if m, ok := v.Interface().(encoding.BinaryMarshaler); ok {
		b, err := m.MarshalBinary()
		return appendBytes(dst, string(b)), err
	}
	switch v.Kind() {
	case reflect.Bool:
		return append(dst, map[bool]byte{true: 1}[v.Bool()]), nil
	case reflect.String:
		return appendBytes(dst, v.String()), nil
	case reflect.Float64:
		return binary.AppendUvarint(dst, math.Float64bits(v.Float())), nil
	case reflect.Pointer:
		return encode(dst, v.Elem())
	case reflect.Slice:
		return encodeSlice(dst, v)
	case reflect.Map:
		return encodeMap(dst, v)
	case reflect.Struct:
		return encodeStruct(dst, v)
	}
	switch {
	case v.CanInt():
		return binary.AppendVarint(dst, v.Int()), nil
	case v.CanUint():
		return binary.AppendUvarint(dst, v.Uint()), nil
	}
	return nil, fmt.Errorf("a message cannot hold a %s", v.Type())
}

func appendBytes(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// block tells whether slices of t are one block of memory: bytes, and the
// instructions of a seccomp filter.
func block(t reflect.Type) bool { return binary.Size(reflect.Zero(t.Elem()).Interface()) > 0 }

func encodeSlice(dst []byte, v reflect.Value) (_ []byte, err error) {
	dst = binary.AppendUvarint(dst, uint64(v.Len()))
	if block(v.Type()) {
		return binary.Append(dst, binary.LittleEndian, v.Interface())
	}
	for i := range v.Len() {
		if dst, err = encode(dst, v.Index(i)); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func encodeMap(dst []byte, v reflect.Value) (_ []byte, err error) {
	dst = binary.AppendUvarint(dst, uint64(v.Len()))
	for m := v.MapRange(); m.Next(); {
		if dst, err = encode(dst, m.Key()); err != nil {
			return nil, err
		}
		if dst, err = encode(dst, m.Value()); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

func encodeStruct(dst []byte, v reflect.Value) (_ []byte, err error) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if v.Field(i).IsZero() || !travels(field) {
			continue
		}
		dst = appendBytes(dst, field.Name)
		start := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		if dst, err = encode(dst, v.Field(i)); err != nil {
			return nil, fmt.Errorf("%s: %w", field.Name, err)
		}
		binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	}
	return append(dst, 0), nil
}

// travels tells whether a field is data; descriptors, which are not, are
// marked for encoding/json already.
func travels(f reflect.StructField) bool { return f.IsExported() && f.Tag.Get("json") != "-" }

// A decoder reads what encode wrote. After the first error it stays there.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = io.ErrUnexpectedEOF
	}
	d.b = nil
}

func (d *decoder) uvarint() uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[size:]
	return n
}

func (d *decoder) varint() int64 {
	n, size := binary.Varint(d.b)
	if size <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[size:]
	return n
}

// take returns the next n bytes.
func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

// decode fills v, which can be set.
func (d *decoder) decode(v reflect.Value) {
	if m, ok := v.Addr().Interface().(encoding.BinaryUnmarshaler); ok {
		if b := d.take(d.uvarint()); d.err == nil {
			d.err = m.UnmarshalBinary(b)
		}
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(d.uvarint() != 0)
	case reflect.String:
		v.SetString(string(d.take(d.uvarint())))
	case reflect.Float64:
		v.SetFloat(math.Float64frombits(d.uvarint()))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.decode(v.Elem())
	case reflect.Slice:
		d.slice(v)
	case reflect.Map:
		d.table(v)
	case reflect.Struct:
		d.fields(v)
	default:
		d.number(v)
	}
}

func (d *decoder) number(v reflect.Value) {
	switch {
	case v.CanInt():
		v.SetInt(d.varint())
	case v.CanUint():
		v.SetUint(d.uvarint())
	default:
		d.err = fmt.Errorf("a message cannot hold a %s", v.Type())
	}
}

// slice makes no more room than the bytes that are there can fill.
func (d *decoder) slice(v reflect.Value) {
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.fail()
		return
	}
	if !block(v.Type()) {
		v.Set(reflect.MakeSlice(v.Type(), int(n), int(n)))
		for i := 0; i < int(n) && d.err == nil; i++ {
			d.decode(v.Index(i))
		}
		return
	}
	size := binary.Size(reflect.Zero(v.Type().Elem()).Interface())
	b := d.take(n * uint64(size))
	if d.err != nil {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), int(n), int(n)))
	_, d.err = binary.Decode(b, binary.LittleEndian, v.Interface())
}

func (d *decoder) table(v reflect.Value) {
	n := d.uvarint()
	v.Set(reflect.MakeMap(v.Type()))
	for ; n > 0 && d.err == nil; n-- {
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		d.decode(key)
		d.decode(value)
		if d.err == nil {
			v.SetMapIndex(key, value)
		}
	}
}

// fields reads a struct up to its empty name.
func (d *decoder) fields(v reflect.Value) {
	for d.err == nil {
		name := string(d.take(d.uvarint()))
		if d.err != nil || name == "" {
			return
		}
		length := d.take(4)
		if d.err != nil {
			return
		}
		inner := decoder{b: d.take(uint64(binary.BigEndian.Uint32(length))), err: d.err}
		field, ok := v.Type().FieldByName(name)
		if ok && travels(field) && d.err == nil {
			inner.decode(v.FieldByIndex(field.Index))
			d.err = inner.err
		}
	}
}
