// Package wire holds the few forms of the distribution protocol that both of
// its ends must agree on: errors, digests, and what names may look like.
// The specification is github.com/opencontainers/distribution-spec.
package wire

import (
	"encoding/hex"
	"regexp"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// The two grammars of the specification. They are also what keeps strangers'
// words inside a server's directory: neither can hold "..", "_x" or "/x".
// They are compiled when first asked for: every start of the command line
// would pay for it otherwise.
var (
	name = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	})
	tag = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`) })
)

// MaxManifest is what every registry accepts as a manifest, and hardly any
// accepts more.
const MaxManifest = 4 << 20

// ValidName tells whether a repository may be called s.
func ValidName(s string) bool { return len(s) <= 255 && name().MatchString(s) }

// ValidTag tells whether a tag may be called s.
func ValidTag(s string) bool { return tag().MatchString(s) }

// Digest is the digest of b by the named algorithm.
func Digest(algorithm string, b []byte) (v1.Hash, error) {
	hasher, err := v1.Hasher(algorithm)
	if err != nil {
		return v1.Hash{}, err
	}
	hasher.Write(b)
	return v1.Hash{Algorithm: algorithm, Hex: hex.EncodeToString(hasher.Sum(nil))}, nil
}
