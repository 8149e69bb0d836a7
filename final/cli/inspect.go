package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/spf13/cobra"

	"drydock/final/client"
)

func (a *App) inspectCommand() *cobra.Command {
	var format, kind string
	cmd := &cobra.Command{
		Use:                   "inspect [OPTIONS] NAME|ID [NAME|ID...]",
		Short:                 "Return low-level information on Docker objects",
		Args:                  atLeast(1),
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, args []string) error { return a.inspect(cmd.Context(), kind, format, args) },
	}
	cmd.Flags().StringVarP(&format, "format", "f", "", "Format output using a custom template")
	cmd.Flags().StringVar(&kind, "type", "", "Return JSON for specified type")
	return cmd
}

// inspectOf is inspect below a group, for one kind of object.
func inspectOf(kind string) func(*App) *cobra.Command {
	return func(a *App) *cobra.Command {
		cmd := a.inspectCommand()
		cmd.Short = "Display detailed information on one or more " + kind + "s"
		cmd.Flags().Set("type", kind)
		cmd.Flags().Lookup("type").Hidden = true
		return cmd
	}
}

// An object is something that can be inspected, and where.
type object struct{ name, path string }

// kinds are the things that can be inspected, in the order in which a name
// is looked for.
var kinds = []object{
	{"container", "/containers/%s/json"},
	{"image", "/images/%s/json"},
	{"network", "/networks/%s"},
	{"volume", "/volumes/%s"},
}

func (a *App) inspect(ctx context.Context, kind, format string, names []string) error {
	if kind != "" && !slices.ContainsFunc(kinds, func(k object) bool { return k.name == kind }) {
		return fmt.Errorf(`unknown type: %q: must be one of "container", "image", "network", "volume"`, kind)
	}
	found := []json.RawMessage{}
	failed := a.each(names, func(name string) error {
		raw, err := a.find(ctx, kind, name)
		if err == nil {
			found = append(found, raw)
		}
		return err
	})
	if format != "" && format != "json" {
		return errors.Join(a.inspectFormat(found, format), failed)
	}
	joined, err := json.Marshal(found)
	if err != nil {
		return err
	}
	var pretty bytes.Buffer
	if format == "json" {
		pretty.Write(joined)
	} else if err := json.Indent(&pretty, joined, "", "    "); err != nil {
		return err
	}
	fmt.Fprintln(a.Out, pretty.String())
	return failed
}

// find fetches what name means.
func (a *App) find(ctx context.Context, kind, name string) (json.RawMessage, error) {
	for _, k := range kinds {
		if kind != "" && kind != k.name {
			continue
		}
		raw, err := a.client.Raw(ctx, fmt.Sprintf(k.path, name), nil)
		if err == nil || client.Status(err) != http.StatusNotFound || kind != "" {
			return raw, err
		}
	}
	return nil, fmt.Errorf("Error: No such object: %s", name)
}

// inspectFormat executes the template on each object; numbers stay as they
// are written.
func (a *App) inspectFormat(found []json.RawMessage, format string) error {
	t, err := parseTemplate(format)
	if err != nil {
		return err
	}
	for _, raw := range found {
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.UseNumber()
		var object any
		if err := decoder.Decode(&object); err != nil {
			return err
		}
		err := t.Option("missingkey=error").Execute(a.Out, object)
		fmt.Fprintln(a.Out)
		if err != nil {
			return fmt.Errorf("template parsing error: %w", err)
		}
	}
	return nil
}
