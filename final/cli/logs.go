package cli

import (
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"

	"drydock/07-daemon/stdio"
)

func (a *App) logsCommand() *cobra.Command {
	var follow, timestamps, details bool
	var since, until, tail string
	cmd := &cobra.Command{
		Use:                   "logs [OPTIONS] CONTAINER",
		Short:                 "Fetch the logs of a container",
		Args:                  exactly(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			got, err := a.client.Inspect(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			q := url.Values{"stdout": {"1"}, "stderr": {"1"}, "tail": {tail}}
			for name, on := range map[string]bool{"follow": follow, "timestamps": timestamps, "details": details} {
				if on {
					q.Set(name, "1")
				}
			}
			for name, text := range map[string]string{"since": since, "until": until} {
				if text != "" {
					at, err := moment(text)
					if err != nil {
						return fmt.Errorf("invalid value for %q: %w", name, err)
					}
					q.Set(name, at)
				}
			}
			body, err := a.client.Logs(cmd.Context(), got.ID, q)
			if err != nil {
				return err
			}
			defer body.Close()
			if got.Config.Tty {
				_, err = io.Copy(a.Out, body)
				return err
			}
			return stdio.Split(a.Out, a.Err, body)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&follow, "follow", "f", false, "Follow log output")
	f.BoolVarP(&timestamps, "timestamps", "t", false, "Show timestamps")
	f.BoolVar(&details, "details", false, "Show extra details provided to logs")
	f.StringVar(&since, "since", "", `Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)`)
	f.StringVar(&until, "until", "", "Show logs before a timestamp or relative")
	f.StringVarP(&tail, "tail", "n", "all", "Number of lines to show from the end of the logs")
	return cmd
}
