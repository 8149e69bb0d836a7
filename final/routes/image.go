package routes

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/events"
	types "github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/storage"

	"drydock/04-images/image"
	"drydock/07-daemon/api"
	"drydock/final/engine"
)

// images registers the routes of images. Names hold slashes, so what follows
// a name is cut off its end by hand.
func images(mux *http.ServeMux, e *engine.Engine) {
	with := func(h func(http.ResponseWriter, *http.Request, *engine.Engine) error) http.Handler {
		return api.Handler(func(w http.ResponseWriter, r *http.Request) error { return h(w, r, e) })
	}
	mux.Handle("GET /images/json", with(listImages))
	mux.Handle("GET /images/get", with(saveImages))
	mux.Handle("GET /images/search", with(searchImages))
	mux.Handle("POST /images/create", with(create))
	mux.Handle("POST /images/load", with(loadImages))
	mux.Handle("POST /images/prune", with(pruneImages))
	mux.Handle("DELETE /images/{name...}", with(removeImage))
	mux.Handle("GET /images/{name...}", named(e, map[string]namedHandler{
		"/json": inspectImage, "/history": historyOf, "/get": saveImage,
	}))
	mux.Handle("POST /images/{name...}", named(e, map[string]namedHandler{"/tag": tagImage, "/push": push}))
}

// A namedHandler serves what follows an image's name.
type namedHandler func(w http.ResponseWriter, r *http.Request, e *engine.Engine, name string) error

func named(e *engine.Engine, after map[string]namedHandler) http.Handler {
	return api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		path := r.PathValue("name")
		for suffix, h := range after {
			if name, ok := strings.CutSuffix(path, suffix); ok && name != "" {
				return h(w, r, e, name)
			}
		}
		return errdefs.ErrNotFound.WithMessage("page not found")
	})
}

// listImages is `docker images`.
func listImages(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	filters, err := api.Filters(r)
	if err != nil {
		return err
	}
	keep, err := imageFilter(e, filters)
	if err != nil {
		return err
	}
	all, err := e.Images.List()
	if err != nil {
		return err
	}
	list := []types.Summary{}
	for _, img := range all {
		file, err := img.ConfigFile()
		if err != nil {
			return fmt.Errorf("read the config of %s: %w", img.ID, err)
		}
		if keep(img, file) {
			one := summary(img, file)
			one.RepoTags = orEmpty(asked(img.Names, filters["reference"]))
			list = append(list, one)
		}
	}
	return api.WriteJSON(w, http.StatusOK, sized(r, list))
}

// inspectImage is `docker image inspect`.
func inspectImage(w http.ResponseWriter, r *http.Request, e *engine.Engine, name string) error {
	img, err := e.Images.Get(name)
	if err != nil {
		return engine.Classify(err)
	}
	file, err := img.ConfigFile()
	if err != nil {
		return err
	}
	config, err := engine.OCIConfig(img)
	if err != nil {
		return err
	}
	answer := inspected{InspectResponse: types.InspectResponse{
		ID:           img.ID.String(),
		RepoTags:     orEmpty(img.Names),
		RepoDigests:  orEmpty(img.Digests),
		Created:      file.Created.Format(time.RFC3339Nano),
		Config:       config,
		Architecture: file.Architecture,
		Variant:      file.Variant,
		Os:           file.OS,
		OsVersion:    file.OSVersion,
		Size:         img.Size,
		GraphDriver:  &storage.DriverData{Name: "overlay2", Data: map[string]string{}},
		RootFS:       types.RootFS{Type: "layers", Layers: diffIDs(file)},
		Metadata:     types.Metadata{LastTagTime: img.Tagged},
	}, Comment: comment(file), Author: file.Author, ContainerConfig: engine.ContainerConfig(file.Config)}
	//lint:ignore SA1019 images of before 2023 have it, and API 1.51 shows it
	answer.DockerVersion = file.DockerVersion
	if !api.AtLeast(r, "1.44") {
		answer.VirtualSize = img.Size
	}
	return api.WriteJSON(w, http.StatusOK, answer)
}

// inspected has what API 1.51 still told and moby's types no longer know, and
// ContainerConfig, which docker-compose 1.29 looks for in every version.
type inspected struct {
	types.InspectResponse
	Parent          string
	Comment         string
	Author          string
	DockerVersion   string
	VirtualSize     int64 `json:",omitempty"`
	ContainerConfig *container.Config
}

// historyOf is `docker history`.
func historyOf(w http.ResponseWriter, r *http.Request, e *engine.Engine, name string) error {
	img, err := e.Images.Get(name)
	if err != nil {
		return engine.Classify(err)
	}
	answer := []types.HistoryResponseItem{}
	for _, step := range img.History() {
		answer = append(answer, types.HistoryResponseItem{
			ID: step.ID, Created: step.Created.Unix(), CreatedBy: step.CreatedBy, Comment: step.Comment, Size: step.Size, Tags: step.Tags,
		})
	}
	return api.WriteJSON(w, http.StatusOK, answer)
}

// tagImage is `docker tag`.
func tagImage(w http.ResponseWriter, r *http.Request, e *engine.Engine, name string) error {
	q := r.URL.Query()
	target := join(q.Get("repo"), q.Get("tag"))
	if err := e.Images.Tag(name, target); err != nil {
		return engine.Classify(err)
	}
	if img, err := e.Images.Get(target); err == nil {
		publish(e, "tag", img.ID.String(), target)
	}
	w.WriteHeader(http.StatusCreated)
	return nil
}

// removeImage is `docker rmi`.
func removeImage(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	removed, err := e.Images.Remove(r.PathValue("name"), api.Bool(r, "force"), e.Uses)
	if err != nil {
		return engine.Classify(err)
	}
	for _, line := range removed {
		if line.Untagged != "" {
			publish(e, "untag", line.Untagged, line.Untagged)
		} else {
			publish(e, "delete", line.Deleted, line.Deleted)
		}
	}
	return api.WriteJSON(w, http.StatusOK, deleted(removed))
}

// searchImages answers that there is no hub to search: a registry has no
// such call.
func searchImages(http.ResponseWriter, *http.Request, *engine.Engine) error {
	return errdefs.ErrUnavailable.WithMessage("search asks Docker Hub's own index, which this engine does not speak to: use `docker pull NAME`")
}

// pruneImages is `docker image prune`.
func pruneImages(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	filters, err := api.Filters(r)
	if err != nil {
		return err
	}
	if err := filters.Only("dangling", "label", "label!", "until"); err != nil {
		return err
	}
	keep, err := pruneFilter(filters)
	if err != nil {
		return err
	}
	report := types.PruneReport{ImagesDeleted: []types.DeleteResponse{}}
	lines, freed, err := e.Images.Prune(func(img *image.Image) bool {
		file, err := img.ConfigFile()
		return err == nil && keep(img, file) && len(e.Containers.UsedBy(img.ID.String())) == 0
	})
	if err != nil {
		return err
	}
	report.ImagesDeleted, report.SpaceReclaimed = append(report.ImagesDeleted, deleted(lines)...), uint64(freed)
	return api.WriteJSON(w, http.StatusOK, report)
}

// deleted are the lines of a removal as the API writes them.
func deleted(lines []image.Removal) []types.DeleteResponse {
	answer := make([]types.DeleteResponse, len(lines))
	for i, line := range lines {
		answer[i] = types.DeleteResponse{Untagged: line.Untagged, Deleted: line.Deleted}
	}
	return answer
}

func summary(img *image.Image, file *engine.ConfigFile) types.Summary {
	return types.Summary{
		ID:          img.ID.String(),
		RepoTags:    orEmpty(img.Names),
		RepoDigests: orEmpty(img.Digests),
		Created:     file.Created.Unix(),
		Size:        img.Size,
		SharedSize:  -1, // not counted
		Containers:  -1,
		Labels:      file.Config.Labels,
	}
}

// A sizedSummary has the field that API 1.44 dropped.
type sizedSummary struct {
	types.Summary
	VirtualSize int64
}

func sized(r *http.Request, list []types.Summary) any {
	if api.AtLeast(r, "1.44") {
		return list
	}
	old := make([]sizedSummary, len(list))
	for i, one := range list {
		old[i] = sizedSummary{one, one.Size}
	}
	return old
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func comment(file *engine.ConfigFile) string {
	if n := len(file.History); n > 0 {
		return file.History[n-1].Comment
	}
	return ""
}

func diffIDs(file *engine.ConfigFile) []string {
	ids := make([]string, len(file.RootFS.DiffIDs))
	for i, id := range file.RootFS.DiffIDs {
		ids[i] = id.String()
	}
	return ids
}

// publish tells the listeners of /events about an image.
func publish(e *engine.Engine, action, id, name string) {
	e.Events.Publish(events.Message{
		Type:   events.ImageEventType,
		Action: events.Action(action),
		Actor:  events.Actor{ID: id, Attributes: map[string]string{"name": name}},
	})
}

// until reads a time as Docker's filters write it: seconds since 1970,
// RFC 3339, or so long ago ("24h").
func until(text string) (time.Time, error) {
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return time.Unix(int64(seconds), 0), nil
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return time.Now().Add(-ago), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, errdefs.ErrInvalidArgument.WithMessage(fmt.Sprintf("invalid time %q: seconds since 1970, RFC 3339 or a duration is expected", text))
	}
	return t, nil
}
