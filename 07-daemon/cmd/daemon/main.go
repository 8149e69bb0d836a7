// Daemon is the smallest engine that Docker's own command can talk to: one
// directory is its only image, every container works on that same directory,
// and there is no network but "none" and "host".
//
//	daemon ROOTFS SOCKET
//	DOCKER_HOST=unix://SOCKET docker run --network none rootfs PROGRAM …
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"drydock/01-namespaces/mount"
	"drydock/07-daemon/api"
	"drydock/07-daemon/daemon"
	"drydock/07-daemon/shim"
)

// A rootfs is a directory in the part of images and of snapshots.
type rootfs string

func (r rootfs) Get(string) (daemon.Image, error)               { return daemon.Image{ID: string(r)}, nil }
func (r rootfs) Unpack(context.Context, string) (string, error) { return "", nil }
func (r rootfs) Prepare(string, string) error                   { return nil }
func (r rootfs) Upper(string) (string, error)                   { return string(r), nil }
func (r rootfs) Remove(string) error                            { return nil }
func (r rootfs) Mount(string) (mount.Mount, error) {
	return mount.Mount{Type: "bind", Source: string(r), Options: []string{"rbind", "rprivate"}}, nil
}

func main() {
	if filepath.Base(os.Args[0]) == "drydock-shim" { // this program, as a monitor
		os.Exit(shim.Main())
	}
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: daemon ROOTFS SOCKET")
		os.Exit(2)
	}
	root, err := filepath.Abs(os.Args[1])
	if err == nil {
		err = serve(rootfs(root), os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "daemon:", err)
		os.Exit(1)
	}
}

func serve(root rootfs, socket string) error {
	binary, err := shim.Seal("/proc/self/exe")
	if err != nil {
		return err
	}
	d, err := daemon.Open(daemon.Config{
		Root: socket + ".containers", ExecRoot: socket + ".exec",
		Shim: binary, Images: root, Snapshots: root,
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	api.Register(mux, d)
	mux.HandleFunc("/_ping", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "OK") })
	os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go http.Serve(listener, api.Version("daemon", mux))
	<-ctx.Done()
	return d.Close(context.Background())
}
