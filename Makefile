# Drydock: build your own Docker, in Go. `make` or `make help` lists what there is.

MODULES  := 01-namespaces 02-cgroups 03-overlayfs 04-images 05-registry 06-networking 07-daemon 08-dockerfile final chapters
BINARIES := drydock drydockd drydock-shim
LDFLAGS  := -s -w
PREFIX   ?= /usr/local
export CGO_ENABLED := 0

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: check-go ## three static binaries and the base image, in bin/
	@mkdir -p bin
	go run ./final/base/cmd/mkbase -o final/base/image/base.tar
	go build -trimpath -ldflags='$(LDFLAGS)' -o bin/ $(BINARIES:%=./final/cmd/%)
	@cp -f final/base/image/base.tar bin/base.tar
	@ls -l bin | awk 'NR>1 && /drydock|base/{printf "  bin/%-14s %5.1f MB\n", $$NF, $$5/1e6}'

rootfs: build ## the base image as a directory, bin/rootfs, to try the chapters on
	@rm -rf bin/rootfs && mkdir bin/rootfs
	@tar -xf bin/base.tar --wildcards '*.tar.gz' --to-command='tar -xz -C bin/rootfs'

demo: check-root deps-demo build ## start the engine, run containers, kill it, start it again, clean up
	@final/demo.sh

test: check-root deps build ## everything, in private namespaces
	@.ci/test

test-alone: check-root build ## each module by itself, without the workspace
	@for m in $(MODULES) 08-dockerfile/oracle; do echo "== $$m"; (cd $$m && GOWORK=off go vet ./... && GOWORK=off go test ./...) || exit 1; done

bench: check-root deps-bench build ## start, exec and memory, beside every installed peer
	go build -o bin/bench ./final/bench
	@bin/bench

lint: check-go ## gofmt, go vet, staticcheck
	@bad=$$(gofmt -l $(MODULES)); [ -z "$$bad" ] || { echo "not gofmt'd: $$bad"; exit 1; }
	go vet $(MODULES:%=./%/...)
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 $(MODULES:%=./%/...)
	GOOS=darwin GOARCH=arm64 go build -o /dev/null ./final/cmd/drydock

fuzz: check-root ## every fuzz target for a minute (FUZZTIME=1m)
	@.ci/fuzz $(or $(FUZZTIME),1m)

install: build ## the binaries into /usr/local/bin (PREFIX=/usr/local)
	install -D -t $(DESTDIR)$(PREFIX)/bin $(BINARIES:%=bin/%)

clean: ## what build made
	rm -rf bin final/base/image/base.tar

deps deps-demo deps-bench:
	@.ci/deps $@

check-go:
	@.ci/check go

check-root: check-go
	@.ci/check root

.PHONY: help build rootfs demo test test-alone bench lint fuzz install clean deps deps-demo deps-bench check-go check-root
