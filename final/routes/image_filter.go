package routes

import (
	"path"
	"slices"
	"strings"
	"time"

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
			f.Any("reference", func(pattern string) bool { return matches(img.Names, pattern) }) &&
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

// matches compares names with a pattern of path.Match, with the tag or
// without it.
func matches(names []string, pattern string) bool {
	for _, name := range names {
		bare := name
		if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
			bare = name[:i]
		}
		for _, candidate := range []string{name, bare} {
			if ok, _ := path.Match(pattern, candidate); ok || candidate == pattern {
				return true
			}
		}
	}
	return false
}

func truth(text string) bool { return text == "true" || text == "1" }
