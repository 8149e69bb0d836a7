// Package routes serves what is not a container over HTTP: images, networks,
// volumes, builds and the system, one file a resource. Routes and JSON are
// Docker's; chapter 7 serves the containers.
package routes

import (
	"net/http"

	"github.com/containerd/errdefs"

	"drydock/07-daemon/api"
	"drydock/final/engine"
)

// Handler serves the whole API of e.
func Handler(e *engine.Engine) http.Handler {
	mux := http.NewServeMux()
	api.Register(mux, e.Containers)
	for _, register := range []func(*http.ServeMux, *engine.Engine){system, images, trees, networks, volumes, builds, absent} {
		register(mux, e)
	}
	mux.Handle("/", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return errdefs.ErrNotFound.WithMessage("page not found")
	}))
	return api.Version("Drydock/"+engine.Version+" (linux)", mux)
}

// absent answers for what Docker has and we leave out, in the words of a
// Docker where it is switched off.
func absent(mux *http.ServeMux, _ *engine.Engine) {
	const noSwarm = `This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.`
	for _, path := range []string{"/swarm", "/swarm/", "/nodes", "/nodes/", "/services", "/services/", "/tasks", "/tasks/", "/secrets", "/secrets/", "/configs", "/configs/"} {
		mux.Handle(path, refuse(errdefs.ErrUnavailable.WithMessage(noSwarm)))
	}
	const noBuildKit = "this engine builds with its own builder: set DOCKER_BUILDKIT=0"
	for _, path := range []string{"/session", "/grpc"} {
		mux.Handle(path, refuse(errdefs.ErrNotImplemented.WithMessage(noBuildKit)))
	}
	mux.Handle("GET /plugins", api.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return api.WriteJSON(w, http.StatusOK, []struct{}{})
	}))
}

func refuse(err error) http.Handler {
	return api.Handler(func(http.ResponseWriter, *http.Request) error { return err })
}
