package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/moby/moby/api/types/container"

	"drydock/07-daemon/daemon"
)

func (s server) list(w http.ResponseWriter, r *http.Request) error {
	filters, err := Filters(r)
	if err != nil {
		return err
	}
	limit, err := number(r, "limit", 0)
	if err != nil {
		return err
	}
	all, err := s.d.List(daemon.ListOptions{All: Bool(r, "all"), Limit: max(limit, 0), Size: Bool(r, "size"), Filters: filters})
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, all)
}

func (s server) create(w http.ResponseWriter, r *http.Request) error {
	request, err := readCreate(r)
	if err != nil {
		return err
	}
	answer, err := s.d.Create(r.Context(), r.URL.Query().Get("name"), request)
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusCreated, answer)
}

func (s server) inspect(w http.ResponseWriter, r *http.Request) error {
	answer, err := s.d.Inspect(r.PathValue("name"), Bool(r, "size"))
	if err != nil {
		return err
	}
	if !AtLeast(r, "1.45") {
		shortAliases(answer)
	}
	return WriteJSON(w, http.StatusOK, legacyInspect(answer))
}

func (s server) start(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.d.Start(r.Context(), r.PathValue("name")))
}

// done answers 204 when nothing went wrong.
func done(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// stopOptions reads how long a container may take; older clients send no
// signal.
func stopOptions(r *http.Request) (o daemon.StopOptions, err error) {
	if AtLeast(r, "1.42") {
		o.Signal = r.URL.Query().Get("signal")
	}
	if r.URL.Query().Get("t") != "" {
		seconds, err := number(r, "t", 0)
		if err != nil {
			return o, err
		}
		o.Timeout = &seconds
	}
	return o, nil
}

func (s server) stop(w http.ResponseWriter, r *http.Request) error {
	o, err := stopOptions(r)
	if err != nil {
		return err
	}
	return done(w, s.d.Stop(r.Context(), r.PathValue("name"), o))
}

func (s server) restart(w http.ResponseWriter, r *http.Request) error {
	o, err := stopOptions(r)
	if err != nil {
		return err
	}
	return done(w, s.d.Restart(r.Context(), r.PathValue("name"), o))
}

func (s server) kill(w http.ResponseWriter, r *http.Request) error {
	err := s.d.Kill(r.PathValue("name"), r.URL.Query().Get("signal"))
	if err != nil {
		err = fmt.Errorf("cannot kill container: %s: %w", r.PathValue("name"), err)
	}
	return done(w, err)
}

func (s server) pause(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.d.Pause(r.PathValue("name")))
}

func (s server) unpause(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.d.Unpause(r.PathValue("name")))
}

func (s server) rename(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.d.Rename(r.PathValue("name"), r.URL.Query().Get("name")))
}

func (s server) update(w http.ResponseWriter, r *http.Request) error {
	var request container.UpdateConfig
	if err := ReadJSON(r, &request); err != nil {
		return err
	}
	answer, err := s.d.Update(r.PathValue("name"), request)
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, answer)
}

func (s server) remove(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.d.Remove(r.Context(), r.PathValue("name"), daemon.RemoveOptions{Force: Bool(r, "force"), Volumes: Bool(r, "v")}))
}

// wait sends its headers before it waits: `docker run` starts the container
// only when it knows that its wait was heard.
func (s server) wait(w http.ResponseWriter, r *http.Request) error {
	condition := container.WaitConditionNotRunning
	if AtLeast(r, "1.30") && r.URL.Query().Get("condition") != "" {
		condition = container.WaitCondition(r.URL.Query().Get("condition"))
	}
	waiter, err := s.d.Wait(r.PathValue("name"), condition)
	if err != nil {
		return err
	}
	stream := NewStream(w, "application/json")
	answer, err := waiter(r.Context())
	if err != nil {
		return nil // the client is gone
	}
	stream.JSON(answer)
	return nil
}

func (s server) top(w http.ResponseWriter, r *http.Request) error {
	answer, err := s.d.Top(r.PathValue("name"), r.URL.Query().Get("ps_args"))
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, answer)
}

// stats answers once, or every second. Once means two looks, a second apart,
// unless the client wants one only: the first has nothing to compare with.
func (s server) stats(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	first, err := s.d.Stats(name)
	if err != nil {
		return err
	}
	if !r.URL.Query().Has("stream") || Bool(r, "stream") {
		stream := NewStream(w, "application/json")
		s.d.FollowStats(r.Context(), name, func(now container.StatsResponse) error { return stream.JSON(now) })
		return nil
	}
	if Bool(r, "one-shot") || first.Read.IsZero() {
		return WriteJSON(w, http.StatusOK, first)
	}
	select {
	case <-r.Context().Done():
		return nil
	case <-time.After(time.Second):
	}
	second, err := s.d.Stats(name)
	if err != nil {
		return err
	}
	second.PreRead, second.PreCPUStats = first.Read, first.CPUStats
	return WriteJSON(w, http.StatusOK, second)
}

func (s server) prune(w http.ResponseWriter, r *http.Request) error {
	filters, err := Filters(r)
	if err != nil {
		return err
	}
	answer, err := s.d.Prune(r.Context(), filters)
	if err != nil {
		return err
	}
	return WriteJSON(w, http.StatusOK, answer)
}
