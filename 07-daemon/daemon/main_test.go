package daemon

import (
	"fmt"
	"io"
	"net"
	"net/http"
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
		"httpd":        httpd,
		"fetch":        fetch,
		"descriptors":  descriptors,
		"mountgroups":  mountGroups,
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

// httpd answers every request with its first argument.
func httpd() int {
	listener, err := net.Listen("tcp", ":80")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ready")
	http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, os.Args[1]) }))
	return 1
}

// fetch writes what the addresses in its arguments answer.
func fetch() int {
	for _, address := range os.Args[1:] {
		answer, err := http.Get(address)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		io.Copy(os.Stdout, answer.Body)
		answer.Body.Close()
	}
	return 0
}
