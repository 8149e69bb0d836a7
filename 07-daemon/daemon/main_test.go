package daemon

import (
	"fmt"
	"os"
	"os/signal"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"drydock/01-namespaces/sandboxtest"
	"drydock/07-daemon/shim"
)

func TestMain(m *testing.M) {
	sandboxtest.Main(m, map[string]func() int{
		"drydock-shim": shim.Main,
		"serve":        serveForever,
		"stubborn":     stubborn,
		"touch":        touch,
	})
}

// stubborn obeys no SIGTERM.
func stubborn() int {
	signal.Ignore(unix.SIGTERM)
	fmt.Println("ready")
	time.Sleep(time.Hour)
	return 0
}

// touch makes an empty file.
func touch() int {
	if err := os.WriteFile(os.Args[1], nil, 0o644); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}
