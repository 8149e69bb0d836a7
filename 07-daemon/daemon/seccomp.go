package daemon

import (
	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/seccomp"
)

// compile turns a profile into a filter; nil is Docker's default profile.
func compile(profile []byte, caps capability.Set) (seccomp.Program, error) {
	return nil, nil
}
