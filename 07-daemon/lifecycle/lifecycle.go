// Package lifecycle is the law of a container's life: seven states and one
// table that says which may follow which. It decides nothing else and touches
// nothing: the daemon asks it before it acts, and keeps the answer.
package lifecycle

import (
	"fmt"
	"slices"
)

// A Status is where a container stands in its life. The text is what Docker's
// API calls State.Status.
type Status string

// The states of a container.
const (
	Created    Status = "created"    // it has a record and a tree, and never ran
	Running    Status = "running"    // its program runs
	Paused     Status = "paused"     // its program is frozen
	Restarting Status = "restarting" // it ended, and the restart policy waits to start it again
	Removing   Status = "removing"   // it is being taken apart
	Exited     Status = "exited"     // its program ended
	Dead       Status = "dead"       // it could not be taken apart; only another try is left
)

// All lists the states in the order of a life.
var All = []Status{Created, Running, Paused, Restarting, Removing, Exited, Dead}

// next is the whole law. What is not listed here cannot happen.
var next = map[Status][]Status{
	Created:    {Running, Removing},
	Running:    {Paused, Restarting, Exited, Dead},
	Paused:     {Running, Restarting, Exited, Dead},
	Restarting: {Running, Exited, Dead},
	Removing:   {Dead},
	Exited:     {Running, Restarting, Removing},
	Dead:       {Removing},
}

// To returns the status after a step from s to t, or s and an error that
// names both.
func (s Status) To(t Status) (Status, error) {
	if !slices.Contains(next[s], t) {
		return s, fmt.Errorf("a %s container cannot become %s", s, t)
	}
	return t, nil
}

// Valid tells whether s is one of the states; a record read from disk or a
// filter of a client may say anything.
func (s Status) Valid() bool { return slices.Contains(All, s) }

// Alive tells whether the container has a process: a paused one does.
func (s Status) Alive() bool { return s == Running || s == Paused }
