package routes

import (
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/events"
	types "github.com/moby/moby/api/types/volume"

	"drydock/03-overlayfs/volume"
	"drydock/07-daemon/api"
	"drydock/07-daemon/filter"
	"drydock/final/engine"
)

// volumes registers the routes of volumes.
func volumes(mux *http.ServeMux, e *engine.Engine) {
	mux.Handle("GET /volumes", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return listVolumes(w, r, e)
	}))
	mux.Handle("GET /volumes/{name}", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		v, err := e.Volumes.Get(r.PathValue("name"))
		if err != nil {
			return noVolume(r.PathValue("name"), err)
		}
		return api.WriteJSON(w, http.StatusOK, shown(v))
	}))
	mux.Handle("POST /volumes/create", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return createVolume(w, r, e)
	}))
	mux.Handle("DELETE /volumes/{name}", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return removeVolume(w, r, e)
	}))
	mux.Handle("POST /volumes/prune", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return pruneVolumes(w, r, e)
	}))
}

func listVolumes(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	filters, err := api.Filters(r)
	if err != nil {
		return err
	}
	if err := filters.Only("name", "label", "driver", "dangling"); err != nil {
		return err
	}
	answer := types.ListResponse{Volumes: []types.Volume{}, Warnings: []string{}}
	for _, v := range e.Volumes.List() {
		if wanted(v, filters, len(e.Volumes.Users(v.Name)) == 0) {
			answer.Volumes = append(answer.Volumes, shown(v))
		}
	}
	return api.WriteJSON(w, http.StatusOK, answer)
}

func wanted(v volume.Volume, f filter.Args, dangling bool) bool {
	return f.Any("name", func(want string) bool { return strings.Contains(v.Name, want) }) &&
		f.Exact("driver", "local") &&
		f.Any("dangling", func(want string) bool { return truth(want) == dangling }) &&
		f.Labels("label", v.Labels)
}

func createVolume(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	var request types.CreateRequest
	if err := api.ReadJSON(r, &request); err != nil {
		return err
	}
	if request.Driver != "" && request.Driver != "local" {
		return errdefs.ErrNotFound.WithMessage("create " + request.Name + ": error looking up volume plugin " + request.Driver + `: plugin "` + request.Driver + `" not found`)
	}
	v, err := e.Volumes.Create(volume.Volume{
		Name:      request.Name,
		Labels:    request.Labels,
		Options:   request.DriverOpts,
		Anonymous: request.Name == "",
	})
	if err != nil {
		return errdefs.ErrInvalidArgument.WithMessage(err.Error())
	}
	publishVolume(e, "create", v.Name)
	return api.WriteJSON(w, http.StatusCreated, shown(v))
}

func removeVolume(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	name := r.PathValue("name")
	err := e.Volumes.Remove(name)
	if users := e.Volumes.Users(name); err != nil && len(users) > 0 {
		return errdefs.ErrConflict.WithMessage("remove " + name + ": volume is in use - [" + strings.Join(users, ", ") + "]")
	}
	if errors.Is(err, fs.ErrNotExist) && api.Bool(r, "force") {
		err = nil
	}
	if err != nil {
		return noVolume(name, err)
	}
	publishVolume(e, "destroy", name)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// pruneVolumes is `docker volume prune`: anonymous volumes that nobody uses,
// with all=true the named ones too.
func pruneVolumes(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	filters, err := api.Filters(r)
	if err != nil {
		return err
	}
	if err := filters.Only("all", "label", "label!"); err != nil {
		return err
	}
	report := types.PruneReport{VolumesDeleted: []string{}}
	all := slices.ContainsFunc(filters["all"], truth)
	for _, v := range e.Volumes.List() {
		kept := len(filters["label!"]) > 0 && filters.Labels("label!", v.Labels)
		if !all && !v.Anonymous || kept || !filters.Labels("label", v.Labels) || len(e.Volumes.Users(v.Name)) > 0 {
			continue
		}
		size, _ := e.Volumes.Usage(v.Name)
		if e.Volumes.Remove(v.Name) == nil { // somebody took it up meanwhile: it stays
			report.VolumesDeleted = append(report.VolumesDeleted, v.Name)
			report.SpaceReclaimed += uint64(size)
		}
	}
	return api.WriteJSON(w, http.StatusOK, report)
}

func shown(v volume.Volume) types.Volume {
	return types.Volume{
		CreatedAt:  v.Created.Format(time.RFC3339),
		Driver:     "local",
		Labels:     v.Labels,
		Mountpoint: v.Path,
		Name:       v.Name,
		Options:    v.Options,
		Scope:      "local",
	}
}

func noVolume(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errdefs.ErrNotFound.WithMessage("get " + name + ": no such volume")
	}
	return err
}

func publishVolume(e *engine.Engine, action, name string) {
	e.Events.Publish(events.Message{
		Type:   events.VolumeEventType,
		Action: events.Action(action),
		Actor:  events.Actor{ID: name, Attributes: map[string]string{"driver": "local"}},
	})
}
