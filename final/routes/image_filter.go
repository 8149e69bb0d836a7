package routes

import (
	"path"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"

	"drydock/04-images/image"
	"drydock/07-daemon/filter"
	"drydock/final/engine"
)

// A keep says whether a list or a prune takes an image in.
type keep func(img *image.Image, file *engine.ConfigFile) bool

// imageFilter reads the filters of `docker images`.
func imageFilter(e *engine.Engine, f filter.Args) (keep, error) {
	if err := f.Only("dangling", "reference", "before", "since", "label", "until"); err != nil {
		return nil, err
	}
	for _, v := range f["dangling"] {
		if !slices.Contains([]string{"true", "1", "false", "0"}, v) {
			return nil, errdefs.ErrInvalidArgument.WithMessage("invalid filter 'dangling=[" + v + "]'")
		}
	}
	before, err := created(e, f["before"])
	if err != nil {
		return nil, err
	}
	since, err := created(e, f["since"])
	if err != nil {
		return nil, err
	}
	older, err := untilFilter(f)
	if err != nil {
		return nil, err
	}
	return func(img *image.Image, file *engine.ConfigFile) bool {
		at := file.Created.Time
		return f.Any("dangling", func(want string) bool { return truth(want) == (len(img.Names) == 0) }) &&
			f.Labels("label", file.Config.Labels) &&
			f.Any("reference", func(pattern string) bool { return slices.ContainsFunc(img.Names, matching(pattern)) }) &&
			(before.IsZero() || at.Before(before)) &&
			(since.IsZero() || at.After(since)) &&
			older(at)
	}, nil
}

// pruneFilter reads those of `docker image prune`: only what has no name,
// unless dangling=false was asked for (--all).
func pruneFilter(f filter.Args) (keep, error) {
	older, err := untilFilter(f)
	if err != nil {
		return nil, err
	}
	all := slices.ContainsFunc(f["dangling"], func(v string) bool { return !truth(v) })
	return func(img *image.Image, file *engine.ConfigFile) bool {
		unlabelled := len(f["label!"]) == 0 || !f.Labels("label!", file.Config.Labels)
		return (all || len(img.Names) == 0) && f.Labels("label", file.Config.Labels) && unlabelled && older(file.Created.Time)
	}, nil
}

// untilFilter lets through what is older than the time asked for.
func untilFilter(f filter.Args) (func(time.Time) bool, error) {
	limit := time.Time{}
	for _, text := range f["until"] {
		t, err := until(text)
		if err != nil {
			return nil, err
		}
		limit = t
	}
	return func(at time.Time) bool { return limit.IsZero() || at.Before(limit) }, nil
}

// created is when the image named in a before= or since= filter was made.
func created(e *engine.Engine, refs []string) (time.Time, error) {
	if len(refs) == 0 {
		return time.Time{}, nil
	}
	img, err := e.Images.Get(refs[0])
	if err != nil {
		return time.Time{}, engine.Classify(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		return time.Time{}, err
	}
	return file.Created.Time, nil
}

// matching compares names with a pattern of path.Match, with the tag or
// without it.
func matching(pattern string) func(name string) bool {
	return func(name string) bool {
		bare := name
		if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
			bare = name[:i]
		}
		return slices.ContainsFunc([]string{name, bare}, func(candidate string) bool {
			ok, _ := path.Match(pattern, candidate)
			return ok || candidate == pattern
		})
	}
}

// asked are the names that a list shows: with a filter by name, only those
// that it lets through.
func asked(names, patterns []string) []string {
	if len(patterns) == 0 {
		return names
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return !slices.ContainsFunc(patterns, func(p string) bool { return matching(p)(name) })
	})
}

func truth(text string) bool { return text == "true" || text == "1" }
