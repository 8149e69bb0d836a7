// Command connect runs two programs in two boxes with a switch between them:
// the first serves, the second asks it, and each finds the other as PEER.
//
//	connect -root DIR httpd -f -p 80 -- sh -c 'wget -qO- http://$PEER'
package main

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"drydock/01-namespaces/capability"
	"drydock/01-namespaces/mount"
	"drydock/01-namespaces/namespace"
	"drydock/01-namespaces/sandbox"
	"drydock/01-namespaces/undo"
	"drydock/06-networking/bridge"
)

func main() {
	root := "/"
	flag.Func("root", "directory that becomes / of both (default /)", func(dir string) (err error) { root, err = filepath.Abs(dir); return err })
	flag.Parse()
	split := max(slices.Index(flag.Args(), "--"), 0)
	code, err := run(root, flag.Args()[:split], flag.Args()[min(split+1, flag.NArg()):])
	if err != nil {
		fmt.Fprintln(os.Stderr, "connect:", err)
		code = max(code, 125)
	}
	os.Exit(code)
}

// run makes the switch, plugs both in, and waits for the second program.
func run(root string, first, second []string) (int, error) {
	var away undo.Stack
	defer away.Run()
	driver, err := bridge.Open(bridge.Config{Bridge: "connect0"})
	if err != nil {
		return 0, err
	}
	away.Push(func() { driver.Close() })
	one := driver.List()[0].Gateway.Next()
	if _, err := start(driver, one, box(root, one.Next(), first), &away); err != nil {
		return 0, err
	}
	client, err := start(driver, one.Next(), box(root, one, second), &away)
	if err != nil {
		return 0, err
	}
	exit, err := client.Wait()
	return exit.Code, err
}

// box has a network namespace of its own: lo, and that is all.
func box(root string, peer netip.Addr, args []string) sandbox.Spec {
	return sandbox.Spec{
		Root: mount.Mount{Type: "bind", Source: root}, Mounts: sandbox.DefaultMounts(),
		New:     namespace.Mount | namespace.PID | namespace.IPC | namespace.UTS | namespace.Net,
		Process: sandbox.Process{Args: args, Env: append(os.Environ(), "PEER="+peer.String()), Capabilities: capability.Default()},
	}
}

// start lays the cable while the child exists, but waits.
func start(driver *bridge.Driver, ip netip.Addr, spec sandbox.Spec, away *undo.Stack) (*sandbox.Sandbox, error) {
	child, err := sandbox.Spawn(spec, sandbox.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	if err != nil {
		return nil, err
	}
	away.Push(func() { child.Signal(syscall.SIGKILL); child.Wait(); child.Close() })
	lease, err := driver.Connect(bridge.Default, namespace.Path(child.Pid(), namespace.Net), bridge.Endpoint{IP: ip})
	if err != nil {
		return nil, err
	}
	away.Push(func() { driver.Disconnect(lease) })
	return child, child.Release()
}
