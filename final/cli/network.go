package cli

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/moby/api/types/network"
	"github.com/spf13/cobra"

	"drydock/final/client"
)

// A networkRow is one line of network ls, as templates see it.
type networkRow struct {
	CreatedAt, Driver, ID, IPv4, IPv6, Internal, Labels, Name, Scope string
}

func (a *App) networkLsCommand() *cobra.Command {
	var quiet, noTrunc bool
	var format string
	wanted := filters{}
	cmd := &cobra.Command{
		Use:                   "ls [OPTIONS]",
		Short:                 "List networks",
		Args:                  exactly(0),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := a.client.Networks(cmd.Context(), wanted)
			if err != nil {
				return err
			}
			slices.SortFunc(list, func(x, y network.Summary) int { return strings.Compare(x.Name, y.Name) })
			rows := make([]networkRow, len(list))
			for i, n := range list {
				rows[i] = networkRow{n.Created.String(), n.Driver, n.ID, strconv.FormatBool(n.EnableIPv4), strconv.FormatBool(n.EnableIPv6),
					strconv.FormatBool(n.Internal), labelList(n.Labels), n.Name, n.Scope}
				if !noTrunc {
					rows[i].ID = short(n.ID)
				}
			}
			if quiet {
				format = "{{.ID}}"
			}
			return print(table{out: a.Out, format: format, columns: []column{
				{"NETWORK ID", "ID"}, {"NAME", "Name"}, {"DRIVER", "Driver"}, {"SCOPE", "Scope"},
			}, more: []column{{"CREATED AT", "CreatedAt"}, {"IPV4", "IPv4"}, {"IPV6", "IPv6"}, {"INTERNAL", "Internal"}, {"LABELS", "Labels"}}}, rows)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&quiet, "quiet", "q", false, "Only display network IDs")
	f.BoolVar(&noTrunc, "no-trunc", false, "Do not truncate the output")
	f.VarP(wanted.flag(), "filter", "f", "Provide filter values (e.g. \"driver=bridge\")")
	f.StringVar(&format, "format", "", "Format output using a custom template")
	return cmd
}

func (a *App) networkCreateCommand() *cobra.Command {
	var request network.CreateRequest
	var labels, options []string
	var subnets, ranges []netip.Prefix
	var gateways []netip.Addr
	cmd := &cobra.Command{
		Use:                   "create [OPTIONS] NETWORK",
		Short:                 "Create a network",
		Args:                  exactly(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Name, request.Labels, request.Options = args[0], pairs(labels), pairs(options)
			request.IPAM = &network.IPAM{Driver: "default", Config: pools(subnets, ranges, gateways)}
			id, err := a.client.CreateNetwork(cmd.Context(), request)
			if err == nil {
				fmt.Fprintln(a.Out, id)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVarP(&request.Driver, "driver", "d", "bridge", "Driver to manage the Network")
	f.BoolVar(&request.Internal, "internal", false, "Restrict external access to the network")
	f.BoolVar(&request.Attachable, "attachable", false, "Enable manual container attachment")
	boolean(f, &request.EnableIPv6, "ipv6", "Enable or disable IPv6 address assignment")
	f.Var(list(&labels), "label", "Set metadata on a network")
	f.VarP(list(&options), "opt", "o", "Set driver specific options")
	f.Var(many("list", &subnets, netip.ParsePrefix), "subnet", "Subnet in CIDR format that represents a network segment")
	f.Var(many("list", &ranges, netip.ParsePrefix), "ip-range", "Allocate container ip from a sub-range")
	f.Var(many("list", &gateways, netip.ParseAddr), "gateway", "IPv4 or IPv6 Gateway for the master subnet")
	return cmd
}

// pools joins subnets with the ranges and gateways that lie in them.
func pools(subnets, ranges []netip.Prefix, gateways []netip.Addr) []network.IPAMConfig {
	var all []network.IPAMConfig
	for _, subnet := range subnets {
		pool := network.IPAMConfig{Subnet: subnet}
		for _, r := range ranges {
			if subnet.Overlaps(r) {
				pool.IPRange = r
			}
		}
		for _, g := range gateways {
			if subnet.Contains(g) {
				pool.Gateway = g
			}
		}
		all = append(all, pool)
	}
	return all
}

func (a *App) networkRmCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:                   "rm NETWORK [NETWORK...]",
		Short:                 "Remove one or more networks",
		Args:                  atLeast(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			code := 0
			for _, name := range args {
				err := a.client.RemoveNetwork(cmd.Context(), name)
				switch {
				case err == nil:
					fmt.Fprintln(a.Out, name)
				case !force || client.Status(err) != http.StatusNotFound:
					fmt.Fprintln(a.Err, err)
					code = 1
				}
			}
			if code != 0 {
				return &statusError{code: code}
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "Do not error if the network does not exist")
	return cmd
}
