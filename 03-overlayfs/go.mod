module drydock/03-overlayfs

go 1.26.0

require (
	drydock/01-namespaces v0.0.0
	github.com/stretchr/testify v1.12.1
	golang.org/x/sys v0.49.0
)

replace drydock/01-namespaces => ../01-namespaces
