package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/container"
	"github.com/spf13/cobra"

	"drydock/final/client"
)

func (a *App) createCommand() *cobra.Command {
	var o createOptions
	cmd := &cobra.Command{
		Use:                   "create [OPTIONS] IMAGE [COMMAND] [ARG...]",
		Short:                 "Create a new container",
		Args:                  atLeast(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := o.request(cmd.Flags(), args)
			if err != nil {
				return engineFault(cmd, err)
			}
			o.streams(false)
			id, err := a.create(cmd.Context(), &o, request)
			if err != nil {
				return err
			}
			fmt.Fprintln(a.Out, id)
			return nil
		},
	}
	o.register(cmd.Flags())
	return cmd
}

// streams decides which streams are attached: those named, or when detached
// none, or output and, with -i, input.
func (o *createOptions) streams(detach bool) {
	c := &o.config
	switch named := func(name string) bool { return slices.Contains(o.attach, name) }; {
	case len(o.attach) > 0:
		c.AttachStdin, c.AttachStdout, c.AttachStderr = named("stdin"), named("stdout"), named("stderr")
	case !detach:
		c.AttachStdin, c.AttachStdout, c.AttachStderr = c.OpenStdin, true, true
	}
	c.StdinOnce = c.OpenStdin && c.AttachStdin
}

// create makes the container, pulling its image first where that is wanted.
func (a *App) create(ctx context.Context, o *createOptions, request container.CreateRequest) (string, error) {
	if err := a.claimCID(o.cidfile); err != nil {
		return "", err
	}
	if o.pull == "always" {
		if err := a.pullFor(ctx, o, request.Image); err != nil {
			return "", err
		}
	}
	made, err := a.client.Create(ctx, o.name, o.platform, request)
	if missingImage(err) && o.pull != "never" && o.pull != "always" {
		if !o.quiet {
			fmt.Fprintf(a.Err, "Unable to find image '%s' locally\n", withTag(request.Image))
		}
		if err := a.pullFor(ctx, o, request.Image); err != nil {
			return "", err
		}
		made, err = a.client.Create(ctx, o.name, o.platform, request)
	}
	if err != nil {
		return "", err
	}
	for _, warning := range made.Warnings {
		fmt.Fprintln(a.Err, "WARNING: "+warning)
	}
	if o.cidfile != "" {
		err = os.WriteFile(o.cidfile, []byte(made.ID), 0o644)
	}
	return made.ID, err
}

// missingImage is true where it is the image that was not found: a network or
// a volume that is not there is not cured by a pull.
func missingImage(err error) bool {
	return client.Status(err) == http.StatusNotFound && strings.Contains(err.Error(), "No such image")
}

// pullFor fetches the image of a container, and says so where that is not
// standard output: that is the container's.
func (a *App) pullFor(ctx context.Context, o *createOptions, reference string) error {
	out := a.Err
	if o.quiet {
		out = nil
	}
	return a.pull(ctx, reference, o.platform, out)
}

// claimCID refuses a container id file that is there already: it may be that
// of a container that runs.
func (a *App) claimCID(path string) error {
	if path == "" {
		return nil
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("container ID file found, make sure the other container isn't running or delete %s", path)
	}
	return nil
}

// engineFault is an error before the program ran: 125, with Docker's words
// around it.
func engineFault(cmd *cobra.Command, err error) error {
	var status *statusError
	if errors.As(err, &status) {
		return err
	}
	return &statusError{125, fmt.Errorf("drydock: %w\n\nRun '%s --help' for more information", err, cmd.CommandPath())}
}
