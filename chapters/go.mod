module drydock/chapters

go 1.26.0

require (
	drydock/01-namespaces v0.0.0
	drydock/05-registry v0.0.0
	github.com/rogpeppe/go-internal v1.16.0
	github.com/stretchr/testify v1.12.1
	golang.org/x/sys v0.49.0
)

require (
	drydock/04-images v0.0.0 // indirect
	github.com/google/go-containerregistry v0.22.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/tools v0.49.0 // indirect
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
