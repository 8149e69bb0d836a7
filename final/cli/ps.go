package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"
)

func (a *App) psCommand() *cobra.Command {
	var all, quiet, noTrunc, latest, size bool
	var last int
	var format string
	wanted := filters{}
	cmd := &cobra.Command{
		Use:                   "ps [OPTIONS]",
		Short:                 "List containers",
		Args:                  exactly(0),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if latest {
				last = 1
			}
			size = size || strings.Contains(format, ".Size")
			list, err := a.client.List(cmd.Context(), all || last > 0, size, last, wanted)
			if err != nil {
				return err
			}
			rows := make([]containerRow, len(list))
			for i, c := range list {
				rows[i] = rowOf(c, noTrunc)
			}
			if quiet {
				format = "{{.ID}}"
			}
			return print(a.psTable(format, size), rows)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&all, "all", "a", false, "Show all containers (default shows just running)")
	f.BoolVarP(&quiet, "quiet", "q", false, "Only display container IDs")
	f.BoolVar(&noTrunc, "no-trunc", false, "Don't truncate output")
	f.BoolVarP(&latest, "latest", "l", false, "Show the latest created container (includes all states)")
	f.IntVarP(&last, "last", "n", -1, "Show n last created containers (includes all states)")
	f.BoolVarP(&size, "size", "s", false, "Display total file sizes")
	f.VarP(wanted.flag(), "filter", "f", "Filter output based on conditions provided")
	f.StringVar(&format, "format", "", "Format output using a custom template")
	return cmd
}

// psTable are docker's columns.
func (a *App) psTable(format string, size bool) table {
	t := table{out: a.Out, format: format, columns: []column{
		{"CONTAINER ID", "ID"}, {"IMAGE", "Image"}, {"COMMAND", "Command"}, {"CREATED", "RunningFor"},
		{"STATUS", "Status"}, {"PORTS", "Ports"}, {"NAMES", "Names"},
	}, more: []column{
		{"CREATED AT", "CreatedAt"}, {"STATE", "State"}, {"LABELS", "Labels"}, {"MOUNTS", "Mounts"},
		{"NETWORKS", "Networks"}, {"LOCAL VOLUMES", "LocalVolumes"}, {"SIZE", "Size"},
	}}
	if size {
		t.columns = append(t.columns, column{"SIZE", "Size"})
	}
	return t
}

// A containerRow is one line of ps, as templates see it.
type containerRow struct {
	Command, CreatedAt, ID, Image, Labels, LocalVolumes, Mounts, Names string
	Networks, Ports, RunningFor, Size, State, Status                   string

	labels map[string]string
}

// Label is the value of one label.
func (r containerRow) Label(name string) string { return r.labels[name] }

// rowOf makes a line of what the API says.
func rowOf(c container.Summary, noTrunc bool) containerRow {
	r := containerRow{
		ID: c.ID, Image: c.Image, Command: strconv.Quote(c.Command), RunningFor: ago(c.Created),
		CreatedAt: time.Unix(c.Created, 0).String(), Status: c.Status, State: string(c.State),
		Ports: portList(c.Ports), Names: containerNames(c.Names), Labels: labelList(c.Labels), labels: c.Labels,
		Size: units.HumanSizeWithPrecision(float64(c.SizeRw), 3),
	}
	if c.SizeRootFs > 0 {
		r.Size += " (virtual " + units.HumanSizeWithPrecision(float64(c.SizeRootFs), 3) + ")"
	}
	if !noTrunc {
		r.ID, r.Command = short(c.ID), strconv.Quote(ellipsis(c.Command, 20))
		if strings.HasPrefix(c.Image, "sha256:") {
			r.Image = short(c.Image)
		}
	}
	if c.NetworkSettings != nil {
		r.Networks = strings.Join(slices.Sorted(maps.Keys(c.NetworkSettings.Networks)), ",")
	}
	r.Mounts, r.LocalVolumes = mountNames(c.Mounts, noTrunc)
	return r
}

// mountNames lists the mounts, and counts those that are volumes of ours.
func mountNames(mounts []container.MountPoint, noTrunc bool) (list, local string) {
	var names []string
	count := 0
	for _, m := range mounts {
		name := orDefault(m.Name, m.Source)
		if !noTrunc {
			name = ellipsis(name, 15)
		}
		if m.Driver == "local" {
			count++
		}
		names = append(names, name)
	}
	return strings.Join(names, ","), strconv.Itoa(count)
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
