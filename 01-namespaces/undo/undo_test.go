package undo

import (
	"errors"
	"reflect"
	"testing"
)

// steps records the order in which a stack walks back.
func steps(names ...string) (*Stack, *[]string) {
	var s Stack
	var walked []string
	for _, name := range names {
		s.Push(func() { walked = append(walked, name) })
	}
	return &s, &walked
}

func TestWayBackIsLastStepFirst(t *testing.T) {
	s, walked := steps("mkdir", "mount", "chmod")
	s.Run()
	if want := []string{"chmod", "mount", "mkdir"}; !reflect.DeepEqual(*walked, want) {
		t.Errorf("walked back %v, want %v", *walked, want)
	}
	s.Run()
	if len(*walked) != 3 {
		t.Error("a step was taken back twice")
	}
}

func TestOnlyFailureWalksBack(t *testing.T) {
	s, walked := steps("mkdir")
	var err error
	s.If(&err)
	if len(*walked) != 0 {
		t.Error("there was no error to walk back from")
	}
	err = errors.New("no")
	s.If(&err)
	if len(*walked) != 1 {
		t.Error("after an error the step must be taken back")
	}
}
