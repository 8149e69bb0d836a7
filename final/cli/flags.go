package cli

import (
	"strconv"

	"github.com/spf13/pflag"
)

// A value is a flag whose text is understood, or refused, while the command
// line is read: pflag then names the flag and the text in its error.
type value struct {
	kind string // as the help shows it: "bytes", "list"
	set  func(text string) error
}

// Set is called for each time that the flag is given.
func (v value) Set(text string) error { return v.set(text) }

// Type is what the help says behind the flag's name.
func (v value) Type() string { return v.kind }

func (v value) String() string { return "" }

// one is a flag that read understands; the last one given counts.
func one[T any](kind string, p *T, read func(string) (T, error)) value {
	return value{kind, func(text string) (err error) {
		*p, err = read(text)
		return err
	}}
}

// maybe is a flag that leaves nil where it is not given.
func maybe[T any](kind string, p **T, read func(string) (T, error)) value {
	return value{kind, func(text string) error {
		v, err := read(text)
		*p = &v
		return err
	}}
}

// many is a flag that may be given again and again.
func many[T any](kind string, p *[]T, read func(string) (T, error)) value {
	return value{kind, func(text string) error {
		v, err := read(text)
		if err == nil {
			*p = append(*p, v)
		}
		return err
	}}
}

// list is many of what the user wrote.
func list[T ~string](p *[]T) value {
	return many("list", p, func(text string) (T, error) { return T(text), nil })
}

// text is a flag of one of the API's own string types.
func text[T ~string](p *T) value {
	return one("string", p, func(text string) (T, error) { return T(text), nil })
}

func integer(text string) (int, error) { return strconv.Atoi(text) }

func integer64(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) }

// boolean declares a flag that is true, false or not given.
func boolean(f *pflag.FlagSet, p **bool, name, usage string) {
	f.Var(maybe("bool", p, strconv.ParseBool), name, usage)
	f.Lookup(name).NoOptDefVal = "true"
}

// alias declares an older name of a flag, which the help does not show.
func alias(f *pflag.FlagSet, name, older string) {
	f.Var(f.Lookup(name).Value, older, "")
	f.Lookup(older).Hidden = true
}
