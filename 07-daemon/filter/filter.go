// Package filter reads and applies the `filters` parameter of Docker's lists:
// a JSON object of keys, each with the values that a thing may have.
package filter

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
)

// Args maps a key to the values asked for. An empty Args lets everything
// through.
type Args map[string][]string

// Parse reads both spellings: {"name":{"web":true}}, which clients send
// today, and {"name":["web"]}, which they sent before API 1.22.
func Parse(text string) (Args, error) {
	if text == "" {
		return Args{}, nil
	}
	var sets map[string]map[string]bool
	if err := json.Unmarshal([]byte(text), &sets); err == nil {
		return fromSets(sets), nil
	}
	var lists map[string][]string
	if err := json.Unmarshal([]byte(text), &lists); err != nil {
		return nil, errdefs.ErrInvalidArgument.WithMessage("invalid filter: " + err.Error())
	}
	return lists, nil
}

func fromSets(sets map[string]map[string]bool) Args {
	args := Args{}
	for key, set := range sets {
		for value, on := range set {
			if on {
				args[key] = append(args[key], value)
			}
		}
		slices.Sort(args[key])
	}
	return args
}

// Only refuses keys that a list does not know, in Docker's words.
func (a Args) Only(keys ...string) error {
	for key := range a {
		if !slices.Contains(keys, key) {
			return errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("invalid filter '%s'", key))
		}
	}
	return nil
}

// Exact says whether value is one of those asked for, or none was.
func (a Args) Exact(key, value string) bool {
	return a.Any(key, func(want string) bool { return want == value })
}

// Any says whether one of the values asked for satisfies match, or none was
// asked for.
func (a Args) Any(key string, match func(want string) bool) bool {
	return len(a[key]) == 0 || slices.ContainsFunc(a[key], match)
}

// Labels says whether labels has every label asked for, as "key" or
// "key=value".
func (a Args) Labels(key string, labels map[string]string) bool {
	for _, want := range a[key] {
		name, value, hasValue := strings.Cut(want, "=")
		got, ok := labels[name]
		if !ok || hasValue && got != value {
			return false
		}
	}
	return true
}

// Bool reads a key that is yes or no; none is what to answer without it.
func (a Args) Bool(key string, none bool) (bool, error) {
	switch values := a[key]; {
	case len(values) == 0:
		return none, nil
	case len(values) == 1 && slices.Contains([]string{"1", "true"}, values[0]):
		return true, nil
	case len(values) == 1 && slices.Contains([]string{"0", "false"}, values[0]):
		return false, nil
	default:
		return false, errdefs.ErrInvalidArgument.WithMessage(
			fmt.Sprintf("invalid filter '%s=%s'", key, strings.Join(values, " ")))
	}
}
