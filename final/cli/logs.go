package cli

import (
	"context"
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"

	"drydock/07-daemon/stdio"
)

// logsOptions are the flags of logs.
type logsOptions struct {
	follow, timestamps, details bool
	since, until, tail          string
}

func (a *App) logsCommand() *cobra.Command {
	var o logsOptions
	cmd := &cobra.Command{
		Use:                   "logs [OPTIONS] CONTAINER",
		Short:                 "Fetch the logs of a container",
		Args:                  exactly(1),
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, args []string) error { return a.logs(cmd.Context(), &o, args[0]) },
	}
	f := cmd.Flags()
	f.BoolVarP(&o.follow, "follow", "f", false, "Follow log output")
	f.BoolVarP(&o.timestamps, "timestamps", "t", false, "Show timestamps")
	f.BoolVar(&o.details, "details", false, "Show extra details provided to logs")
	f.StringVar(&o.since, "since", "", `Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)`)
	f.StringVar(&o.until, "until", "", `Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)`)
	f.StringVarP(&o.tail, "tail", "n", "all", "Number of lines to show from the end of the logs")
	return cmd
}

func (a *App) logs(ctx context.Context, o *logsOptions, ref string) error {
	got, err := a.client.Inspect(ctx, ref)
	if err != nil {
		return err
	}
	q, err := o.query()
	if err != nil {
		return err
	}
	body, err := a.client.Logs(ctx, got.ID, q)
	if err != nil {
		return err
	}
	defer body.Close()
	if got.Config.Tty {
		_, err = io.Copy(a.Out, body)
		return err
	}
	return stdio.Split(a.Out, a.Err, body)
}

// query is what the flags ask of the API.
func (o *logsOptions) query() (url.Values, error) {
	q := url.Values{"stdout": {"1"}, "stderr": {"1"}, "tail": {o.tail}}
	for name, on := range map[string]bool{"follow": o.follow, "timestamps": o.timestamps, "details": o.details} {
		if on {
			q.Set(name, "1")
		}
	}
	for name, text := range map[string]string{"since": o.since, "until": o.until} {
		if text == "" {
			continue
		}
		at, err := moment(text)
		if err != nil {
			return nil, fmt.Errorf("invalid value for %q: %w", name, err)
		}
		q.Set(name, at)
	}
	return q, nil
}
