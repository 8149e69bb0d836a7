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

replace (
	drydock/01-namespaces => ../01-namespaces
	drydock/03-overlayfs => ../03-overlayfs
	drydock/04-images => ../04-images
)
