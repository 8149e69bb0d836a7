package routes

import (
	"net/http"

	"drydock/final/engine"
)

// builds registers the routes of builds.
func builds(mux *http.ServeMux, e *engine.Engine) {}
