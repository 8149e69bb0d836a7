package cli

import (
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/image"
	"github.com/spf13/cobra"
)

func (a *App) historyCommand() *cobra.Command {
	var quiet, noTrunc, human bool
	var format string
	cmd := &cobra.Command{
		Use:                   "history [OPTIONS] IMAGE",
		Short:                 "Show the history of an image",
		Args:                  exactly(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			history, err := a.client.History(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if quiet {
				format = "{{.ID}}"
			}
			rows := make([]historyRow, len(history))
			for i, item := range history {
				rows[i] = historyOf(item, noTrunc, human)
			}
			created := column{"CREATED", "CreatedSince"}
			if !human {
				created = column{"CREATED AT", "CreatedAt"}
			}
			return print(table{out: a.Out, format: format, columns: []column{
				{"IMAGE", "ID"}, created, {"CREATED BY", "CreatedBy"}, {"SIZE", "Size"}, {"COMMENT", "Comment"},
			}}, rows)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&quiet, "quiet", "q", false, "Only show image IDs")
	f.BoolVar(&noTrunc, "no-trunc", false, "Don't truncate output")
	f.BoolVarP(&human, "human", "H", true, "Print sizes and dates in human readable format")
	f.StringVar(&format, "format", "", "Format output using a custom template")
	return cmd
}

// A historyRow is one layer of an image, as templates see it.
type historyRow struct{ Comment, CreatedAt, CreatedBy, CreatedSince, ID, Size string }

func historyOf(item image.HistoryResponseItem, noTrunc, human bool) historyRow {
	r := historyRow{
		ID: item.ID, Comment: item.Comment, CreatedBy: strings.ReplaceAll(item.CreatedBy, "\t", " "),
		CreatedAt: time.Unix(item.Created, 0).Format(time.RFC3339), CreatedSince: ago(item.Created),
		Size: strconv.FormatInt(item.Size, 10),
	}
	if human {
		r.Size = units.HumanSizeWithPrecision(float64(item.Size), 3)
	}
	if !noTrunc {
		r.ID, r.CreatedBy, r.Comment = short(item.ID), ellipsis(r.CreatedBy, 45), ellipsis(r.Comment, 45)
	}
	return r
}
