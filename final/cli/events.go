package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/spf13/cobra"
)

func (a *App) eventsCommand() *cobra.Command {
	var since, until, format string
	wanted := filters{}
	cmd := &cobra.Command{
		Use:                   "events [OPTIONS]",
		Short:                 "Get real time events from the server",
		Args:                  exactly(0),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			for name, text := range map[string]*string{"since": &since, "until": &until} {
				if *text == "" {
					continue
				}
				if *text, err = moment(*text); err != nil {
					return fmt.Errorf("invalid value for %q: %w", name, err)
				}
			}
			stream, err := a.client.Events(cmd.Context(), since, until, wanted)
			if err != nil {
				return err
			}
			defer stream.Close()
			return a.printEvents(stream, format)
		},
	}
	f := cmd.Flags()
	f.VarP(wanted.flag(), "filter", "f", "Filter output based on conditions provided")
	f.StringVar(&since, "since", "", "Show all events created since timestamp")
	f.StringVar(&until, "until", "", "Stream events until this timestamp")
	f.StringVar(&format, "format", "", "Format output using a custom template")
	return cmd
}

// printEvents prints one line an event until the stream ends.
func (a *App) printEvents(stream io.Reader, format string) error {
	for decoder := json.NewDecoder(stream); ; {
		var m events.Message
		err := decoder.Decode(&m)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case format == "json":
			err = printLines(a.Out, "{{json .}}", []events.Message{m})
		case format != "":
			err = printLines(a.Out, format, []events.Message{m})
		default:
			fmt.Fprintln(a.Out, eventLine(m))
		}
		if err != nil {
			return err
		}
	}
}

// eventLine is "TIME container start ID (image=…, name=…)".
func eventLine(m events.Message) string {
	var attributes []string
	for _, key := range slices.Sorted(maps.Keys(m.Actor.Attributes)) {
		attributes = append(attributes, key+"="+m.Actor.Attributes[key])
	}
	at := time.Unix(0, m.TimeNano).Format("2006-01-02T15:04:05.000000000Z07:00")
	line := fmt.Sprintf("%s %s %s %s", at, m.Type, m.Action, m.Actor.ID)
	if len(attributes) > 0 {
		line += " (" + strings.Join(attributes, ", ") + ")"
	}
	return line
}
