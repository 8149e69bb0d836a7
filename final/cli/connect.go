package cli

import (
	"github.com/moby/moby/api/types/network"
	"github.com/spf13/cobra"
)

func (a *App) networkConnectCommand() *cobra.Command {
	var at attachment
	var links, options []string
	cmd := &cobra.Command{
		Use:                   "connect [OPTIONS] NETWORK CONTAINER",
		Short:                 "Connect a container to a network",
		Args:                  exactly(2),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(options) > 0 {
				at.options = pairs(options)
			}
			endpoint, err := at.endpoint()
			if err != nil {
				return err
			}
			endpoint.Links = links
			return a.client.ConnectNetwork(cmd.Context(), args[0], network.ConnectRequest{Container: args[1], EndpointConfig: endpoint})
		},
	}
	f := cmd.Flags()
	f.Var(list(&at.aliases), "alias", "Add network-scoped alias for the container")
	f.StringVar(&at.ip, "ip", "", `IPv4 address (e.g., "172.30.100.104")`)
	f.StringVar(&at.ip6, "ip6", "", `IPv6 address (e.g., "2001:db8::33")`)
	f.Var(list(&links), "link", "Add link to another container")
	f.Var(list(&options), "driver-opt", "driver options for the network")
	f.IntVar(&at.priority, "gw-priority", 0, "Highest gw-priority provides the default gateway. Accepts positive and negative values.")
	return cmd
}

func (a *App) networkDisconnectCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:                   "disconnect [OPTIONS] NETWORK CONTAINER",
		Short:                 "Disconnect a container from a network",
		Args:                  exactly(2),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.client.DisconnectNetwork(cmd.Context(), args[0], network.DisconnectRequest{Container: args[1], Force: force})
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "Force the container to disconnect from a network")
	return cmd
}
