// Command registry is a registry of one's own, and the smallest client of any.
//
//	registry serve -addr 127.0.0.1:5000 -dir DIR
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"

	"drydock/05-registry/server"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "registry:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 1 || args[0] != "serve" {
		return fmt.Errorf("usage: registry serve [-addr HOST:PORT] [-dir DIR]")
	}
	return serve(args[1:])
}

func serve(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	addr := flags.String("addr", "127.0.0.1:5000", "where to listen, in plain HTTP")
	dir := flags.String("dir", "registry", "where to keep the images")
	flags.Parse(args)
	handler, err := server.Open(server.Config{Dir: *dir})
	if err != nil {
		return err
	}
	defer handler.Close()
	fmt.Println("registry on", *addr)
	return http.ListenAndServe(*addr, handler)
}
