// Package capability handles the sets of capabilities(7).
package capability

// A Set is a set of capabilities; bit n stands for capability number n.
type Set uint64

// Default is what Docker leaves to the root of a container: 14 capabilities.
func Default() Set { panic("seam") }

// All is every capability in our own bounding set.
func All() Set { panic("seam") }

// Parse reads names as Docker accepts them: "NET_ADMIN", "CAP_NET_ADMIN", in
// any case. "ALL" is All().
func Parse(names []string) (Set, error) { panic("seam") }
