// Command drydock is the command line of the engine: docker's words and
// flags, over docker's API.
package main

import (
	"os"

	"drydock/final/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
