module drydock/08-dockerfile

go 1.26.0

require (
	drydock/01-namespaces v0.0.0
	drydock/03-overlayfs v0.0.0
	drydock/04-images v0.0.0
	github.com/google/go-containerregistry v0.22.1
	github.com/moby/patternmatcher v0.6.1
	github.com/stretchr/testify v1.12.1
	golang.org/x/sys v0.49.0
)

require (
	github.com/distribution/reference v0.6.0 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/opencontainers/go-digest v1.0.0 // indirect
	github.com/opencontainers/image-spec v1.1.1 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)

replace (
	drydock/01-namespaces => ../01-namespaces
	drydock/03-overlayfs => ../03-overlayfs
	drydock/04-images => ../04-images
)
