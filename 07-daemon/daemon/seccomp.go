package daemon

import (
	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/seccomp"
	"drydock/01-namespaces/seccomp/profile"
)

// compile turns a profile into a filter; nil is Docker's default profile.
func compile(text []byte, caps capability.Set) (seccomp.Program, error) {
	if text == nil {
		return profile.Default(caps)
	}
	p, err := profile.Parse(text, caps)
	if err != nil {
		return nil, invalid("%s", err)
	}
	return p, nil
}
