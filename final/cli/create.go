package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"

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
				return err
			}
			id, err := a.create(cmd.Context(), &o, request)
			if err != nil {
				return engineFault(cmd, err)
			}
			fmt.Fprintln(a.Out, id)
			return nil
		},
	}
	o.register(cmd.Flags())
	return cmd
}

// create makes the container, pulling its image first where that is wanted.
func (a *App) create(ctx context.Context, o *createOptions, request container.CreateRequest) (string, error) {
	if err := a.claimCID(o.cidfile); err != nil {
		return "", err
	}
	if o.pull == "always" {
		if err := a.pull(ctx, request.Image, o.platform, a.Err); err != nil {
			return "", err
		}
	}
	made, err := a.client.Create(ctx, o.name, o.platform, request)
	if client.Status(err) == http.StatusNotFound && o.pull == "missing" {
		fmt.Fprintf(a.Err, "Unable to find image '%s' locally\n", withTag(request.Image))
		if err := a.pull(ctx, request.Image, o.platform, a.Err); err != nil {
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
