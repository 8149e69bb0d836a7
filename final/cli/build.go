package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

// A buildFlags is what `drydock build` was asked for.
type buildFlags struct {
	file, target, network, platform, idFile string
	tags, args, labels                      []string
	quiet, noCache, pull                    bool
}

func (a *App) buildCommand() *cobra.Command {
	var b buildFlags
	cmd := &cobra.Command{
		Use:                   "build [OPTIONS] PATH | -",
		Short:                 "Build an image from a Dockerfile",
		Args:                  exactly(1),
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, args []string) error { return a.build(cmd, b, args[0]) },
	}
	f := cmd.Flags()
	f.StringVarP(&b.file, "file", "f", "", `Name of the Dockerfile (Default is "PATH/Dockerfile"; "-" is standard input)`)
	f.StringArrayVarP(&b.tags, "tag", "t", nil, `Name and optionally a tag in the "name:tag" format`)
	f.StringArrayVar(&b.args, "build-arg", nil, "Set build-time variables")
	f.StringArrayVar(&b.labels, "label", nil, "Set metadata for an image")
	f.StringVar(&b.target, "target", "", "Set the target build stage to build")
	f.StringVar(&b.network, "network", "default", "Set the networking mode for the RUN instructions during build")
	f.StringVar(&b.platform, "platform", "", "Set platform if server is multi-platform capable")
	f.StringVar(&b.idFile, "iidfile", "", "Write the image ID to the file")
	f.BoolVarP(&b.quiet, "quiet", "q", false, "Suppress the build output and print image ID on success")
	f.BoolVar(&b.noCache, "no-cache", false, "Do not use cache when building the image")
	f.BoolVar(&b.pull, "pull", false, "Always attempt to pull a newer version of the image")
	return cmd
}

// build packs the context while the engine reads it, and shows what it says.
func (a *App) build(cmd *cobra.Command, b buildFlags, where string) error {
	sent, err := a.openContext(where, b.file)
	if err != nil {
		return fmt.Errorf("unable to prepare context: %w", err)
	}
	defer sent.Close()
	registries, err := registriesOf(sent.text)
	if err != nil {
		return err
	}
	q := b.query()
	q.Set("dockerfile", sent.dockerfile)
	stream, err := a.client.Build(cmd.Context(), sent, q, registries)
	if err != nil {
		return err
	}
	defer stream.Close()
	id, err := a.follow(stream, b.quiet)
	if err != nil || b.idFile == "" {
		return err
	}
	return os.WriteFile(b.idFile, []byte(id), 0o666)
}

// query is the request in the words of the API.
func (b buildFlags) query() url.Values {
	q := url.Values{"t": b.tags, "rm": {"1"}}
	for name, value := range map[string]string{
		"target": b.target, "networkmode": b.network, "platform": b.platform,
		"q": flag(b.quiet), "nocache": flag(b.noCache), "pull": flag(b.pull),
		"buildargs": assignments(b.args, os.LookupEnv), "labels": assignments(b.labels, empty),
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

func flag(set bool) string {
	if set {
		return "1"
	}
	return ""
}

// assignments is a list of "name=value" as JSON. A bare name has the value
// that otherwise finds, or is left out.
func assignments(list []string, otherwise func(string) (string, bool)) string {
	m := map[string]string{}
	for _, text := range list {
		name, value, has := strings.Cut(text, "=")
		if !has {
			value, has = otherwise(name)
		}
		if has {
			m[name] = value
		}
	}
	if len(m) == 0 {
		return ""
	}
	text, _ := json.Marshal(m) // a map of strings always can be
	return string(text)
}

func empty(string) (string, bool) { return "", true }

// follow prints a build and answers the image's id. A command that failed
// gives its exit status to us.
func (a *App) follow(stream io.Reader, quiet bool) (id string, err error) {
	type event struct {
		line
		ErrorDetail struct {
			Code int `json:"code"`
		} `json:"errorDetail"`
	}
	screen := &screen{out: a.Out, live: isTerminal(a.Out), rows: map[string]int{}}
	for decoder := json.NewDecoder(stream); ; {
		var e event
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			return id, nil
		} else if err != nil {
			return id, err
		}
		switch {
		case e.Error != "":
			return id, &statusError{max(e.ErrorDetail.Code, 1), errors.New(e.Error)}
		case e.Aux != nil:
			var aux struct{ ID string }
			if json.Unmarshal(e.Aux, &aux) == nil {
				id = aux.ID
			}
		case e.Stream != "":
			if quiet {
				id = strings.TrimSpace(e.Stream)
			}
			io.WriteString(a.Out, e.Stream)
		case !quiet:
			screen.print(e.line)
		}
	}
}
