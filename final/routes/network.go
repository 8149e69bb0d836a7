package routes

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/events"
	types "github.com/moby/moby/api/types/network"

	"drydock/07-daemon/api"
	"drydock/07-daemon/filter"
	"drydock/final/engine"
)

// networks registers the routes of networks.
func networks(mux *http.ServeMux, e *engine.Engine) {
	mux.Handle("GET /networks", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return listNetworks(w, r, e)
	}))
	mux.Handle("GET /networks/{name}", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		n, err := e.Network(r.PathValue("name"))
		if err != nil {
			return err
		}
		return api.WriteJSON(w, http.StatusOK, n)
	}))
	mux.Handle("POST /networks/create", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return createNetwork(w, r, e)
	}))
	mux.Handle("DELETE /networks/{name}", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return removeNetwork(w, r, e)
	}))
	mux.Handle("POST /networks/{name}/connect", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return connect(w, r, e)
	}))
	mux.Handle("POST /networks/{name}/disconnect", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return disconnect(w, r, e)
	}))
	mux.Handle("POST /networks/prune", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return pruneNetworks(w, r, e)
	}))
}

func listNetworks(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	filters, err := api.Filters(r)
	if err != nil {
		return err
	}
	if err := filters.Only("name", "id", "driver", "label", "scope", "type", "dangling"); err != nil {
		return err
	}
	for _, kind := range filters["type"] {
		if kind != "custom" && kind != "builtin" {
			return errdefs.ErrInvalidArgument.WithMessage("invalid filter: 'type'='" + kind + "'")
		}
	}
	list := []types.Inspect{}
	for _, n := range e.AllNetworks() {
		if networkWanted(n, filters) {
			n.Containers = map[string]types.EndpointResource{} // only inspect tells them
			list = append(list, n)
		}
	}
	return api.WriteJSON(w, http.StatusOK, list)
}

func networkWanted(n types.Inspect, f filter.Args) bool {
	kind := "custom"
	if engine.Predefined(n.Name) {
		kind = "builtin"
	}
	return f.Any("name", func(want string) bool { return strings.Contains(n.Name, want) }) &&
		f.Any("id", func(want string) bool { return strings.HasPrefix(n.ID, want) }) &&
		f.Exact("driver", n.Driver) && f.Exact("scope", n.Scope) && f.Exact("type", kind) &&
		f.Any("dangling", func(want string) bool { return truth(want) == (len(n.Containers) == 0 && kind == "custom") }) &&
		f.Labels("label", n.Labels)
}

func createNetwork(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	request, err := networkRequest(r)
	if err != nil {
		return err
	}
	n, err := e.CreateNetwork(request)
	if err != nil {
		return err
	}
	publishNetwork(e, "create", n.ID, n.Name)
	return api.WriteJSON(w, http.StatusCreated, types.CreateResponse{ID: n.ID})
}

// networkRequest reads a create request. The API's types refuse a bad subnet
// while they decode, in words that nobody knows; it is looked at first.
func networkRequest(r *http.Request) (request types.CreateRequest, err error) {
	var raw json.RawMessage
	if err := api.ReadJSON(r, &raw); err != nil {
		return request, err
	}
	var plain struct {
		IPAM *struct{ Config []struct{ Subnet string } }
	}
	if json.Unmarshal(raw, &plain) == nil && plain.IPAM != nil {
		for _, c := range plain.IPAM.Config {
			if err := checkSubnet(c.Subnet); err != nil {
				return request, err
			}
		}
	}
	if err := json.Unmarshal(raw, &request); err != nil {
		return request, errdefs.ErrInvalidArgument.WithMessage("invalid JSON: " + err.Error())
	}
	return request, nil
}

func checkSubnet(text string) error {
	prefix, err := netip.ParsePrefix(text)
	switch {
	case text == "":
		return nil
	case err != nil:
		return errdefs.ErrInvalidArgument.WithMessage("invalid network config:\ninvalid subnet " + text + ": invalid CIDR block notation")
	case prefix != prefix.Masked():
		return errdefs.ErrInvalidArgument.WithMessage("invalid network config:\ninvalid subnet " + text + ": it should be " + prefix.Masked().String())
	}
	return nil
}

// connect is `docker network connect`.
func connect(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	var request types.ConnectRequest
	if err := api.ReadJSON(r, &request); err != nil {
		return err
	}
	n, err := e.Network(r.PathValue("name"))
	if err != nil {
		return err
	}
	if err := e.Containers.Join(request.Container, n.Name, request.EndpointConfig); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// disconnect is `docker network disconnect`.
func disconnect(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	var request types.DisconnectRequest
	if err := api.ReadJSON(r, &request); err != nil {
		return err
	}
	n, err := e.Network(r.PathValue("name"))
	if err != nil {
		return err
	}
	if err := e.Containers.Leave(request.Container, n.Name); err != nil {
		return err
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

func removeNetwork(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	n, err := e.Network(r.PathValue("name"))
	if err != nil {
		return err
	}
	switch {
	case engine.Predefined(n.Name):
		return errdefs.ErrPermissionDenied.WithMessage(n.Name + " is a pre-defined network and cannot be removed")
	case len(n.Containers) > 0:
		return errdefs.ErrPermissionDenied.WithMessage("error while removing network: network " + n.Name + " has active endpoints")
	}
	if err := e.Networks.Delete(n.Name); err != nil {
		return err
	}
	publishNetwork(e, "destroy", n.ID, n.Name)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// pruneNetworks is `docker network prune`: all of ours without a container.
func pruneNetworks(w http.ResponseWriter, r *http.Request, e *engine.Engine) error {
	filters, err := api.Filters(r)
	if err != nil {
		return err
	}
	if err := filters.Only("label", "label!", "until"); err != nil {
		return err
	}
	older, err := untilFilter(filters)
	if err != nil {
		return err
	}
	report := types.PruneReport{NetworksDeleted: []string{}}
	for _, n := range e.AllNetworks() {
		kept := len(filters["label!"]) > 0 && filters.Labels("label!", n.Labels)
		if engine.Predefined(n.Name) || len(n.Containers) > 0 || kept || !filters.Labels("label", n.Labels) || !older(n.Created) {
			continue
		}
		if e.Networks.Delete(n.Name) == nil { // somebody joined it meanwhile: it stays
			report.NetworksDeleted = append(report.NetworksDeleted, n.Name)
		}
	}
	return api.WriteJSON(w, http.StatusOK, report)
}

func publishNetwork(e *engine.Engine, action, id, name string) {
	e.Events.Publish(events.Message{
		Type:   events.NetworkEventType,
		Action: events.Action(action),
		Actor:  events.Actor{ID: id, Attributes: map[string]string{"name": name, "type": "bridge"}},
	})
}
