package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"
)

func (a *App) psCommand() *cobra.Command {
	var all, quiet, noTrunc, latest, size bool
	var last int
	var filterList []string
	var format string
	cmd := &cobra.Command{
		Use:                   "ps [OPTIONS]",
		Short:                 "List containers",
		Args:                  exactly(0),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted, err := filters(filterList)
			if err != nil {
				return err
			}
			if latest {
				last = 1
			}
			list, err := a.client.List(cmd.Context(), all || last > 0, size, last, wanted)
			if err != nil {
				return err
			}
			rows := make([]any, len(list))
			for i, c := range list {
				rows[i] = containerRow(c, noTrunc)
			}
			if quiet {
				format = "{{.ID}}"
			}
			return a.psTable(format, size).Print(rows)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&all, "all", "a", false, "Show all containers (default shows just running)")
	f.BoolVarP(&quiet, "quiet", "q", false, "Only display container IDs")
	f.BoolVar(&noTrunc, "no-trunc", false, "Don't truncate output")
	f.BoolVarP(&latest, "latest", "l", false, "Show the latest created container (includes all states)")
	f.IntVarP(&last, "last", "n", -1, "Show n last created containers (includes all states)")
	f.BoolVarP(&size, "size", "s", false, "Display total file sizes")
	f.StringArrayVarP(&filterList, "filter", "f", nil, "Filter output based on conditions provided")
	f.StringVar(&format, "format", "", "Format output using a custom template")
	return cmd
}

// psTable are docker's columns.
func (a *App) psTable(format string, size bool) table {
	t := table{out: a.Out, format: format, columns: []column{
		{"CONTAINER ID", "ID"}, {"IMAGE", "Image"}, {"COMMAND", "Command"}, {"CREATED", "RunningFor"},
		{"STATUS", "Status"}, {"PORTS", "Ports"}, {"NAMES", "Names"},
	}, names: map[string]string{
		"CreatedAt": "CREATED AT", "State": "STATE", "Labels": "LABELS", "Mounts": "MOUNTS",
		"Networks": "NETWORKS", "LocalVolumes": "LOCAL VOLUMES", "Size": "SIZE",
	}}
	if size {
		t.columns = append(t.columns, column{"SIZE", "Size"})
	}
	return t
}

// containerRow is one line of ps, as templates see it.
func containerRow(c container.Summary, noTrunc bool) map[string]string {
	id, command, image := c.ID, c.Command, c.Image
	if !noTrunc {
		id, command = short(id), ellipsis(command, 20)
		if strings.HasPrefix(image, "sha256:") {
			image = short(image)
		}
	}
	var networks, mounts []string
	if c.NetworkSettings != nil {
		networks = slices.Sorted(maps.Keys(c.NetworkSettings.Networks))
	}
	local := 0
	for _, m := range c.Mounts {
		name := m.Name
		if name == "" {
			name = m.Source
		}
		if m.Driver == "local" {
			local++
		}
		mounts = append(mounts, name)
	}
	return map[string]string{
		"ID": id, "Image": image, "Command": `"` + command + `"`, "RunningFor": ago(c.Created),
		"CreatedAt": time.Unix(c.Created, 0).String(), "Status": c.Status, "State": string(c.State),
		"Ports": portList(c.Ports), "Names": containerNames(c.Names), "Labels": labelList(c.Labels),
		"Networks": strings.Join(networks, ","), "Mounts": strings.Join(mounts, ","), "LocalVolumes": fmt.Sprint(local),
		"Size": fmt.Sprintf("%s (virtual %s)", units.HumanSize(float64(c.SizeRw)), units.HumanSize(float64(c.SizeRootFs))),
	}
}

func containerNames(names []string) string {
	var plain []string
	for _, name := range names {
		if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") {
			plain = append(plain, name)
		}
	}
	return strings.Join(plain, ",")
}

func labelList(labels map[string]string) string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		list = append(list, key+"="+labels[key])
	}
	return strings.Join(list, ",")
}

// portList is "0.0.0.0:8080->80/tcp, 90/tcp".
func portList(ports []container.PortSummary) string {
	var list []string
	for _, p := range ports {
		text := fmt.Sprintf("%d/%s", p.PrivatePort, p.Type)
		if p.PublicPort != 0 {
			text = fmt.Sprintf("%s:%d->%s", p.IP, p.PublicPort, text)
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ", ")
}

// ellipsis cuts text to n characters, the last of which says so.
func ellipsis(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:n-1]) + "…"
}
