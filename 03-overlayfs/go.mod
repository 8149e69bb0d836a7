module drydock/03-overlayfs

go 1.26.0

require drydock/01-namespaces v0.0.0

require (
	github.com/stretchr/testify v1.12.1 // indirect
	golang.org/x/sys v0.49.0 // indirect
)

replace drydock/01-namespaces => ../01-namespaces
