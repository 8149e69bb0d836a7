// Command mkbase builds the base image and writes it as an archive that
// `docker load` and the engine read:
//
//	go run ./final/base/cmd/mkbase -o final/base/image/base.tar
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"drydock/final/base"
	"drydock/final/base/pack"
)

func main() {
	out := flag.String("o", "", "the `file` to write; by default the one that package base embeds")
	arch := flag.String("arch", runtime.GOARCH, "the processor: amd64 or arm64")
	flag.Parse()
	if err := run(*out, *arch); err != nil {
		fmt.Fprintf(os.Stderr, "mkbase: %v\n", err)
		os.Exit(1)
	}
}

func run(out, arch string) error {
	where, err := exec.Command("go", "list", "-f", "{{.Module.Dir}}", "drydock/final/base").Output()
	if err != nil {
		return fmt.Errorf("find the module drydock/final from here: %w", err)
	}
	module := strings.TrimSpace(string(where))
	if out == "" {
		out = module + "/base/image/base.tar"
	}
	dir, err := os.MkdirTemp("", "mkbase-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := pack.Build(module, dir, arch); err != nil {
		return err
	}
	img, err := pack.Image(dir, arch)
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	if err := pack.Write(&archive, img, base.Name); err != nil {
		return err
	}
	return replace(out, archive.Bytes())
}

// replace writes the file, unless it is there already: its time is part of
// what the go tool looks at before it compiles the daemon again.
func replace(path string, data []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err := os.WriteFile(path+".new", data, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
