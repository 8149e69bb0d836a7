package registry

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// choose finds the image for a platform in an index: the operating system and
// the architecture must be the same, of the variants that the processor can
// run the newest wins, and of equals the first.
func choose(manifests []v1.Descriptor, want v1.Platform) (v1.Descriptor, error) {
	want = normalise(want)
	best, level := v1.Descriptor{}, -1
	for _, d := range manifests {
		if d.Platform == nil {
			continue
		}
		have := normalise(*d.Platform)
		if have.OS != want.OS || have.Architecture != want.Architecture {
			continue
		}
		if n := version(have.Variant); n > level && n <= version(want.Variant) {
			best, level = d, n
		}
	}
	if level < 0 {
		return best, fmt.Errorf("no matching manifest for %s in the manifest list entries", want)
	}
	return best, nil
}

// normalise fills in what is usually left out and replaces the names that the
// kernel uses (uname -m) by the ones of images.
func normalise(p v1.Platform) v1.Platform {
	p.OS, p.Architecture = strings.ToLower(p.OS), strings.ToLower(p.Architecture)
	if p.OS == "" {
		p.OS = "linux"
	}
	if p.Architecture == "" {
		p.Architecture = runtime.GOARCH
	}
	switch p.Architecture {
	case "x86_64", "x86-64":
		p.Architecture = "amd64"
	case "aarch64":
		p.Architecture = "arm64"
	case "armhf":
		p.Architecture = "arm"
	case "i386", "i686":
		p.Architecture = "386"
	}
	if p.Variant == "" {
		p.Variant = map[string]string{"arm": "v7", "arm64": "v8", "amd64": "v1"}[p.Architecture]
	}
	return p
}

// version is the number in a variant: "v7" is 7.
func version(variant string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(variant, "v")) // "v8.1" and others count as 0
	return n
}
