// Command drydockd is the engine: it serves Docker's API on a unix socket and
// keeps the containers. Its flags are dockerd's.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"drydock/final/engine"
	"drydock/final/serve"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	options, err := serve.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(os.Stderr, "drydockd:", err)
		return 1
	case options.Version:
		fmt.Println("Drydock version " + engine.Version)
		return 0
	case os.Geteuid() != 0:
		fmt.Fprintln(os.Stderr, "drydockd: only root may make namespaces, mounts and control groups: try sudo drydockd")
		return 1
	}
	if err := options.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "drydockd:", err)
		return 1
	}
	return 0
}
