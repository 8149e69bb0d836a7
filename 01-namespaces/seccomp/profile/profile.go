// Package profile compiles seccomp profiles, in Docker's JSON, into programs
// for the kernel. It stands apart from package seccomp because whoever merely
// installs a program should not have to link a JSON decoder and a compiler.
package profile

//go:generate go run ./internal/numbers

import (
	"fmt"

	moby "github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/seccomp"
)

// Default is Docker's default profile for a process with these capabilities:
// some system calls are harmless only without, some useful only with one.
func Default(caps capability.Set) (seccomp.Program, error) {
	p, err := defaultRules(caps)
	if err != nil {
		return nil, err
	}
	return compile(p)
}

// defaultRules are what of Docker's default profile applies.
func defaultRules(caps capability.Set) (*specs.LinuxSeccomp, error) {
	p, err := moby.GetDefaultProfile(with(caps))
	if err != nil {
		return nil, fmt.Errorf("default seccomp profile: %w", err)
	}
	return p, nil
}

// Parse compiles a profile as `docker run --security-opt seccomp=FILE` reads
// it. A profile that says nothing is no program.
func Parse(json []byte, caps capability.Set) (seccomp.Program, error) {
	p, err := moby.LoadProfile(string(json), with(caps))
	if err != nil {
		return nil, fmt.Errorf("seccomp profile: %w", err)
	}
	if p == nil {
		return nil, nil
	}
	return compile(p)
}

// with is what the conditions of a profile look at.
func with(caps capability.Set) *specs.Spec {
	return &specs.Spec{Process: &specs.Process{
		Capabilities: &specs.LinuxCapabilities{Bounding: caps.Names()},
	}}
}
