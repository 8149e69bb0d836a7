module drydock/final

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
	github.com/containerd/errdefs v1.0.0
	github.com/distribution/reference v0.6.0
	github.com/docker/go-units v0.5.0
	github.com/google/go-containerregistry v0.22.1
	github.com/moby/docker-image-spec v1.3.1
	github.com/moby/moby/api v1.56.1
	github.com/spf13/cobra v1.10.2
	github.com/spf13/pflag v1.0.10
	github.com/stretchr/testify v1.12.1
	golang.org/x/sys v0.49.0
	golang.org/x/term v0.47.0
	mvdan.cc/sh/v3 v3.14.1
)

require (
	github.com/cilium/ebpf v0.22.0 // indirect
	github.com/miekg/dns v1.1.73 // indirect
)

require (
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/google/nftables v0.3.0 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/mdlayher/netlink v1.7.3-0.20250113171957-fbb4dce95f42 // indirect
	github.com/mdlayher/socket v0.5.1 // indirect
	github.com/moby/patternmatcher v0.6.1
	github.com/moby/profiles/seccomp v0.2.3 // indirect
	github.com/opencontainers/go-digest v1.0.0 // indirect
	github.com/opencontainers/image-spec v1.1.1 // indirect
	github.com/opencontainers/runtime-spec v1.2.1 // indirect
	github.com/vishvananda/netlink v1.3.1 // indirect
	github.com/vishvananda/netns v0.0.5 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sync v0.22.0 // indirect
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
)
