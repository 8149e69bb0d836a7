package cli

import (
	"bytes"
	"encoding/json"
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
	t, err := template.New("").Funcs(functions).Parse(format)
	if err != nil {
		return nil, &statusError{64, fmt.Errorf("template parsing error: %w", err)}
	}
	return t, nil
}

// A column is one column of a table: its heading, and the field of a row.
type column struct{ heading, field string }

// A table prints rows as docker's lists do: columns by default, or what
// format asks for: "json", a template a row, or "table TEMPLATE".
type table struct {
	out     io.Writer
	format  string
	columns []column          // of the default
	names   map[string]string // headings of fields that only templates name
}

// Print prints rows; each is a struct or map that templates can take.
func (t table) Print(rows []any) error {
	switch {
	case t.format == "json":
		return t.each(rows, "{{json .}}")
	case t.format != "" && t.format != "table" && !strings.HasPrefix(t.format, "table "):
		return t.each(rows, t.format)
	}
	line := strings.TrimPrefix(strings.TrimPrefix(t.format, "table"), " ")
	if line == "" {
		fields := make([]string, len(t.columns))
		for i, c := range t.columns {
			fields[i] = "{{." + c.field + "}}"
		}
		line = strings.Join(fields, "\t")
	}
	line = strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(line)
	w := tabwriter.NewWriter(t.out, 10, 1, 3, ' ', 0)
	aligned := t
	aligned.out = w
	if err := aligned.each(append([]any{t.headings()}, rows...), line); err != nil {
		return err
	}
	return w.Flush()
}

// headings is the row above all rows.
func (t table) headings() map[string]string {
	row := map[string]string{}
	for field, heading := range t.names {
		row[field] = heading
	}
	for _, c := range t.columns {
		row[c.field] = c.heading
	}
	return row
}

func (t table) each(rows []any, format string) error {
	line, err := parseTemplate(strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(format))
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := line.Execute(t.out, row); err != nil {
			return err
		}
		fmt.Fprintln(t.out)
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

// filters reads repeated "key=value" flags.
func filters(list []string) (map[string][]string, error) {
	m := map[string][]string{}
	for _, text := range list {
		key, value, has := strings.Cut(text, "=")
		if !has {
			return nil, &statusError{125, fmt.Errorf("invalid argument %q for \"-f, --filter\" flag: invalid filter '%s': must be in the format key=value", text, text)}
		}
		key = strings.ToLower(strings.TrimSpace(key))
		m[key] = append(m[key], strings.TrimSpace(value))
	}
	return m, nil
}
