package main

import (
	"fmt"

	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandbox"
)

// show prints what start would do, a system call a line: its manual page, and
// what it is for. A call that stands further in is made or left out, depending
// on how a call above it ended: a directory that is there is not made.
func show(spec sandbox.Spec) (int, error) {
	calls, err := spec.Calls()
	if err != nil {
		return 0, err
	}
	fmt.Printf("%-18s clone a child into new namespaces: %s\n", "clone3(2)", spec.New&^namespace.Cgroup)
	maybe := 0 // of the calls that follow, so many may be skipped
	for _, c := range calls {
		indent := ""
		if c.Unless != "" || maybe > 0 {
			indent = "    "
		}
		fmt.Printf("%-18s %s%s\n", c.Page(), indent, c)
		maybe = max(maybe-1, c.Skip)
	}
	return 0, nil
}
