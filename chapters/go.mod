module drydock/chapters

go 1.26.0

require (
	drydock/01-namespaces v0.0.0
	drydock/02-cgroups v0.0.0
	drydock/03-overlayfs v0.0.0
	drydock/04-images v0.0.0
	drydock/05-registry v0.0.0
	drydock/06-networking v0.0.0
	drydock/07-daemon v0.0.0
	drydock/08-dockerfile v0.0.0
	drydock/final v0.0.0
)

require (
	github.com/rogpeppe/go-internal v1.16.0 // indirect
	github.com/stretchr/testify v1.12.1 // indirect
)

replace (
	drydock/01-namespaces => ../01-namespaces
	drydock/02-cgroups => ../02-cgroups
	drydock/03-overlayfs => ../03-overlayfs
	drydock/04-images => ../04-images
	drydock/05-registry => ../05-registry
	drydock/06-networking => ../06-networking
	drydock/07-daemon => ../07-daemon
	drydock/08-dockerfile => ../08-dockerfile
	drydock/final => ../final
)
