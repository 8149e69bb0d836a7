package lifecycle

import "testing"

// law is written out by hand, one letter a pair, so that a slip in the table
// shows: rows are from, columns to, in the order of All.
var law = map[Status]string{
	//           crt run pau rst rmv ext dead
	Created:    "-  y  -  -  y  -  -",
	Running:    "-  -  y  y  -  y  y",
	Paused:     "-  y  -  y  -  y  y",
	Restarting: "-  y  -  -  -  y  y",
	Removing:   "-  -  -  -  -  -  y",
	Exited:     "-  y  -  y  y  -  -",
	Dead:       "-  -  -  -  y  -  -",
}

func TestEveryPairObeysTheLaw(t *testing.T) {
	for _, from := range All {
		for i, to := range All {
			allowed := law[from][3*i] == 'y'
			got, err := from.To(to)
			switch {
			case allowed && (err != nil || got != to):
				t.Errorf("%s to %s must be allowed, got %s, %v", from, to, got, err)
			case !allowed && (err == nil || got != from):
				t.Errorf("%s to %s must be refused and change nothing, got %s, %v", from, to, got, err)
			}
		}
	}
}

func TestRefusalNamesBothStates(t *testing.T) {
	_, err := Created.To(Paused)
	if want := "a created container cannot become paused"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestNoStateIsATrap(t *testing.T) {
	for _, from := range All {
		seen := map[Status]bool{from: true}
		for queue := []Status{from}; len(queue) > 0; queue = queue[1:] {
			for _, to := range next[queue[0]] {
				if !seen[to] {
					seen[to], queue = true, append(queue, to)
				}
			}
		}
		if !seen[Removing] {
			t.Errorf("a %s container can never be removed", from)
		}
	}
}

func TestUnknownStatesGoNowhere(t *testing.T) {
	if _, err := Status("zombie").To(Running); err == nil {
		t.Error("a state that does not exist was left for running")
	}
	if Status("").Valid() || Status("zombie").Valid() || !Dead.Valid() {
		t.Error("Valid must know exactly the seven states")
	}
}

func TestAliveMeansAProcess(t *testing.T) {
	for _, s := range All {
		if got, want := s.Alive(), s == Running || s == Paused; got != want {
			t.Errorf("%s: alive %v, want %v", s, got, want)
		}
	}
}
