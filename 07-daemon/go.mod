module drydock/07-daemon

go 1.26.0

require (
	drydock/01-namespaces v0.0.0
	drydock/02-cgroups v0.0.0
	drydock/06-networking v0.0.0
	github.com/containerd/errdefs v1.0.0
	github.com/moby/moby/api v1.56.1
	golang.org/x/sys v0.49.0
)

require (
	github.com/docker/go-units v0.5.0 // indirect
	github.com/moby/docker-image-spec v1.3.1 // indirect
	github.com/opencontainers/go-digest v1.0.0 // indirect
	github.com/opencontainers/image-spec v1.1.1 // indirect
)

replace (
	drydock/01-namespaces => ../01-namespaces
	drydock/02-cgroups => ../02-cgroups
	drydock/06-networking => ../06-networking
)
