package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"
)

func (a *App) statsCommand() *cobra.Command {
	var all, once, noTrunc bool
	var format string
	cmd := &cobra.Command{
		Use:                   "stats [OPTIONS] [CONTAINER...]",
		Short:                 "Display a live stream of container(s) resource usage statistics",
		Args:                  cobra.ArbitraryArgs,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			for {
				rows, err := a.measure(cmd.Context(), args, all, noTrunc)
				if err != nil {
					return err
				}
				if !once && isTerminal(a.Out) {
					fmt.Fprint(a.Out, "\x1b[2J\x1b[H") // a fresh screen
				}
				if err := print(a.statsTable(format), rows); err != nil || once {
					return err
				}
			}
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&all, "all", "a", false, "Show all containers (default shows just running)")
	f.BoolVar(&once, "no-stream", false, "Disable streaming stats and only pull the first result")
	f.BoolVar(&noTrunc, "no-trunc", false, "Do not truncate output")
	f.StringVar(&format, "format", "", "Format output using a custom template")
	return cmd
}

// measure looks at the containers named, or at all, side by side: the engine
// takes a second for each.
func (a *App) measure(ctx context.Context, names []string, all, noTrunc bool) ([]statsRow, error) {
	if len(names) == 0 {
		list, err := a.client.List(ctx, all, false, 0, nil)
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			names = append(names, c.ID)
		}
	}
	rows, errs := make([]statsRow, len(names)), make(chan error, len(names))
	for i, name := range names {
		go func() {
			stats, err := a.client.Stats(ctx, name)
			rows[i] = statsOf(name, stats, noTrunc)
			errs <- err
		}()
	}
	var err error
	for range names {
		err = errors.Join(err, <-errs)
	}
	return rows, err
}

func (a *App) statsTable(format string) table {
	return table{out: a.Out, format: format, columns: []column{
		{"CONTAINER ID", "ID"}, {"NAME", "Name"}, {"CPU %", "CPUPerc"}, {"MEM USAGE / LIMIT", "MemUsage"},
		{"MEM %", "MemPerc"}, {"NET I/O", "NetIO"}, {"BLOCK I/O", "BlockIO"}, {"PIDS", "PIDs"},
	}, more: []column{{"CONTAINER", "Container"}}}
}

// A statsRow is one line of stats, as templates see it.
type statsRow struct {
	BlockIO, CPUPerc, Container, ID, MemPerc, MemUsage, Name, NetIO string
	PIDs                                                            uint64
}

func statsOf(name string, s container.StatsResponse, noTrunc bool) statsRow {
	used := memoryUsed(s.MemoryStats)
	r := statsRow{
		Container: name, ID: s.ID, Name: orDefault(trimSlash(s.Name), "--"), PIDs: s.PidsStats.Current,
		CPUPerc:  fmt.Sprintf("%.2f%%", cpuPercent(s)),
		MemUsage: units.BytesSize(used) + " / " + units.BytesSize(float64(s.MemoryStats.Limit)),
		MemPerc:  "0.00%",
		NetIO:    traffic(s), BlockIO: blocks(s.BlkioStats.IoServiceBytesRecursive),
	}
	if s.MemoryStats.Limit > 0 {
		r.MemPerc = fmt.Sprintf("%.2f%%", used/float64(s.MemoryStats.Limit)*100)
	}
	if !noTrunc {
		r.ID = short(s.ID)
	}
	return r
}

// cpuPercent is the share of one processor's time between the two looks.
func cpuPercent(s container.StatsResponse) float64 {
	used := float64(s.CPUStats.CPUUsage.TotalUsage) - float64(s.PreCPUStats.CPUUsage.TotalUsage)
	passed := float64(s.CPUStats.SystemUsage) - float64(s.PreCPUStats.SystemUsage)
	if used <= 0 || passed <= 0 {
		return 0
	}
	return used / passed * float64(max(1, s.CPUStats.OnlineCPUs)) * 100
}

// memoryUsed leaves out the file cache that can be given back at once.
func memoryUsed(m container.MemoryStats) float64 {
	for _, cache := range []string{"total_inactive_file", "inactive_file"} {
		if n := m.Stats[cache]; n > 0 && n < m.Usage {
			return float64(m.Usage - n)
		}
	}
	return float64(m.Usage)
}

func traffic(s container.StatsResponse) string {
	var received, sent float64
	for _, n := range s.Networks {
		received += float64(n.RxBytes)
		sent += float64(n.TxBytes)
	}
	return units.HumanSizeWithPrecision(received, 3) + " / " + units.HumanSizeWithPrecision(sent, 3)
}

func blocks(entries []container.BlkioStatEntry) string {
	var read, written float64
	for _, e := range entries {
		switch e.Op {
		case "read", "Read":
			read += float64(e.Value)
		case "write", "Write":
			written += float64(e.Value)
		}
	}
	return units.HumanSizeWithPrecision(read, 3) + " / " + units.HumanSizeWithPrecision(written, 3)
}

// trimSlash takes the API's slash off a container's name.
func trimSlash(name string) string {
	if len(name) > 0 && name[0] == '/' {
		return name[1:]
	}
	return name
}
