package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"text/template"
	"time"

	"github.com/docker/go-units"
)

// functions are what Docker's templates may call.
var functions = template.FuncMap{
	"json": func(v any) (string, error) {
		var b bytes.Buffer
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		err := encoder.Encode(v)
		return strings.TrimSpace(b.String()), err
	},
	"split":   strings.Split,
	"join":    strings.Join,
	"lower":   strings.ToLower,
	"upper":   strings.ToUpper,
	"title":   func(s string) string { return strings.ToUpper(s[:min(1, len(s))]) + s[min(1, len(s)):] },
	"println": fmt.Sprintln,
	"truncate": func(s string, n int) string {
		return s[:min(n, len(s))]
	},
	"pad": func(s string, before, after int) string {
		return strings.Repeat(" ", before) + s + strings.Repeat(" ", after)
	},
}

// parseTemplate reads a --format in Docker's words of refusal.
func parseTemplate(format string) (*template.Template, error) {
	if format == "json" {
		format = "{{json .}}"
	}
	t, err := template.New("").Funcs(functions).Parse(format)
	if err != nil {
		return nil, &statusError{64, fmt.Errorf("template parsing error: %w", err)}
	}
	return t, nil
}

// printOne prints one object as format asks for, and a new line.
func (a *App) printOne(format string, object any) error {
	t, err := parseTemplate(format)
	if err != nil {
		return err
	}
	defer fmt.Fprintln(a.Out)
	return t.Execute(a.Out, object)
}

// A column is one column of a table: its heading, and the field of a row.
type column struct{ heading, field string }

// A table prints rows as docker's lists do: columns by default, or what
// format asks for: "json", a template a row, or "table TEMPLATE".
type table struct {
	out     io.Writer
	format  string
	columns []column // of the default
	more    []column // those that only templates name
}

// headings is the row above all rows, field by field.
type headings map[string]string

// Label makes a label's name the heading of its column.
func (h headings) Label(name string) string { return name }

// print prints rows, which are structs with the fields that the columns name.
func print[T any](t table, rows []T) error {
	switch format, aligned := strings.CutPrefix(t.format, "table"); {
	case t.format == "json":
		for _, row := range rows {
			b, err := json.Marshal(row)
			if err != nil {
				return err
			}
			fmt.Fprintln(t.out, string(b))
		}
		return nil
	case t.format != "" && !aligned:
		return printLines(t.out, t.format, rows)
	default:
		return printAligned(t, strings.TrimSpace(format), rows)
	}
}

// printAligned prints the headings and the rows in columns.
func printAligned[T any](t table, format string, rows []T) error {
	if format == "" {
		var fields []string
		for _, c := range t.columns {
			fields = append(fields, "{{."+c.field+"}}")
		}
		format = strings.Join(fields, "\t")
	}
	above := headings{}
	for _, c := range append(t.more, t.columns...) {
		above[c.field] = c.heading
	}
	w := tabwriter.NewWriter(t.out, 10, 1, 3, ' ', 0)
	if err := printLines(w, format, []headings{above}); err != nil {
		return err
	}
	if err := printLines(w, format, rows); err != nil {
		return err
	}
	return w.Flush()
}

func printLines[T any](out io.Writer, format string, rows []T) error {
	format = strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(format)
	line, err := template.New("").Funcs(functions).Parse(format)
	if err != nil {
		return fmt.Errorf("failed to parse template: %w", err)
	}
	for _, row := range rows {
		if err := line.Execute(out, row); err != nil {
			return fmt.Errorf("failed to execute template: %w", err)
		}
		fmt.Fprintln(out)
	}
	return nil
}

// ago is "3 minutes ago".
func ago(seconds int64) string {
	return units.HumanDuration(time.Since(time.Unix(seconds, 0))) + " ago"
}

// short is the first 12 digits of an id, without "sha256:".
func short(id string) string {
	id = strings.TrimPrefix(id, "sha256:")
	return id[:min(12, len(id))]
}

// filters are repeated "key=value" flags.
type filters map[string][]string

// flag is how -f reads one more of them.
func (m filters) flag() value {
	return value{"filter", func(text string) error {
		key, what, has := strings.Cut(text, "=")
		if !has {
			return errors.New("bad format of filter (expected name=value)")
		}
		key = strings.ToLower(strings.TrimSpace(key))
		m[key] = append(m[key], strings.TrimSpace(what))
		return nil
	}}
}
