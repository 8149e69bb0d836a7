package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/network"
	"github.com/spf13/cobra"
)

func (a *App) portCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "port CONTAINER [PRIVATE_PORT[/PROTO]]",
		Short:                 "List port mappings or a specific mapping for the container",
		Args:                  between(1, 2),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			got, err := a.client.Inspect(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			var published network.PortMap
			if got.NetworkSettings != nil {
				published = got.NetworkSettings.Ports
			}
			if len(args) == 1 {
				a.printPorts(published)
				return nil
			}
			return a.printPort(published, args[0], args[1])
		},
	}
}

// printPorts lists every published port.
func (a *App) printPorts(published network.PortMap) {
	var all []string
	for port, bindings := range published {
		for _, b := range bindings {
			all = append(all, fmt.Sprintf("%s -> %s", port, hostAddress(b)))
		}
	}
	slices.Sort(all)
	for _, line := range all {
		fmt.Fprintln(a.Out, line)
	}
}

// printPort tells where one port is published.
func (a *App) printPort(published network.PortMap, name, wanted string) error {
	port, err := network.ParsePort(wanted)
	if err != nil {
		return fmt.Errorf("Error: invalid port (%s): %w", wanted, err)
	}
	bindings := published[port]
	if len(bindings) == 0 {
		return fmt.Errorf("Error: No public port '%s' published for %s", wanted, name)
	}
	for _, b := range bindings {
		fmt.Fprintln(a.Out, hostAddress(b))
	}
	return nil
}

// hostAddress is where a port can be reached; IPv6 stands in brackets.
func hostAddress(b network.PortBinding) string {
	ip := b.HostIP.String()
	if strings.Contains(ip, ":") {
		ip = "[" + ip + "]"
	}
	return ip + ":" + b.HostPort
}
