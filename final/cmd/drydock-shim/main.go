// Drydock-shim is the monitor of one container. The daemon executes it; it is
// of no use by hand.
package main

import (
	"os"

	"drydock/07-daemon/shim"
)

func main() { os.Exit(shim.Main()) }
