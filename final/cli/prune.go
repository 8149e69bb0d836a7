package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/image"
	"github.com/spf13/cobra"
)

// A prune is one kind of object that can be cleared away.
type prune struct{ kind, heading, warning string }

var (
	pruneContainers = prune{"containers", "Deleted Containers:", "all stopped containers"}
	pruneImages     = prune{"images", "Deleted Images:", "all dangling images"}
	pruneNetworks   = prune{"networks", "Deleted Networks:", "all custom networks not used by at least one container"}
	pruneVolumes    = prune{"volumes", "Deleted Volumes:", "anonymous local volumes not used by at least one container"}
)

// pruned is what the engine answers, whichever kind it was.
type pruned struct {
	ContainersDeleted, NetworksDeleted, VolumesDeleted []string
	ImagesDeleted                                      []image.DeleteResponse
	SpaceReclaimed                                     uint64
}

// lines are what was removed, one a line.
func (p pruned) lines() []string {
	all := append(append(p.ContainersDeleted, p.NetworksDeleted...), p.VolumesDeleted...)
	for _, i := range p.ImagesDeleted {
		if i.Untagged != "" {
			all = append(all, "untagged: "+i.Untagged)
		}
		if i.Deleted != "" {
			all = append(all, "deleted: "+i.Deleted)
		}
	}
	return all
}

// command is the verb prune below the group of p.
func (p prune) command(a *App) *cobra.Command {
	var force, all bool
	wanted := filters{}
	cmd := &cobra.Command{
		Use:                   "prune [OPTIONS]",
		Short:                 "Remove unused " + p.kind,
		Args:                  exactly(0),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !force && !a.sure("This will remove "+p.warning+".") {
				return nil
			}
			if all && p.kind == "images" {
				wanted["dangling"] = []string{"false"}
			} else if all {
				wanted["all"] = []string{"1"}
			}
			space, err := a.prune(cmd.Context(), p, wanted)
			if err == nil && p.kind != "networks" {
				fmt.Fprintln(a.Out, "Total reclaimed space:", units.HumanSize(float64(space)))
			}
			return err
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&force, "force", "f", false, "Do not prompt for confirmation")
	f.Var(wanted.flag(), "filter", `Provide filter values (e.g. "until=<timestamp>")`)
	if p.kind == "images" || p.kind == "volumes" {
		f.BoolVarP(&all, "all", "a", false, "Remove all unused "+p.kind+", not just those without a name")
	}
	return cmd
}

// prune removes one kind and lists what went.
func (a *App) prune(ctx context.Context, p prune, wanted filters) (space uint64, err error) {
	raw, err := a.client.Prune(ctx, p.kind, wanted)
	if err != nil {
		return 0, err
	}
	var gone pruned
	if err := json.Unmarshal(raw, &gone); err != nil {
		return 0, err
	}
	if lines := gone.lines(); len(lines) > 0 {
		fmt.Fprintf(a.Out, "%s\n%s\n\n", p.heading, strings.Join(lines, "\n"))
	}
	return gone.SpaceReclaimed, nil
}

// sure asks before something is gone for good.
func (a *App) sure(warning string) bool {
	fmt.Fprintf(a.Out, "WARNING! %s\nAre you sure you want to continue? [y/N] ", warning)
	answer, _ := bufio.NewReader(a.In).ReadString('\n')
	return strings.EqualFold(strings.TrimSpace(answer), "y")
}

func (a *App) systemPruneCommand() *cobra.Command {
	var force, all, volumes bool
	cmd := &cobra.Command{
		Use:                   "prune [OPTIONS]",
		Short:                 "Remove unused data",
		Args:                  exactly(0),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			kinds := []prune{pruneContainers, pruneNetworks}
			if volumes {
				kinds = append(kinds, pruneVolumes)
			}
			kinds = append(kinds, pruneImages)
			warning := "This will remove:"
			for _, p := range kinds {
				warning += "\n  - " + p.warning
			}
			if !force && !a.sure(warning+"\n") {
				return nil
			}
			return a.pruneAll(cmd.Context(), kinds, all)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&force, "force", "f", false, "Do not prompt for confirmation")
	f.BoolVarP(&all, "all", "a", false, "Remove all unused images not just dangling ones")
	f.BoolVar(&volumes, "volumes", false, "Prune anonymous volumes")
	return cmd
}

// pruneAll clears one kind after another.
func (a *App) pruneAll(ctx context.Context, kinds []prune, all bool) error {
	var total uint64
	for _, p := range kinds {
		wanted := filters{}
		if all && p == pruneImages {
			wanted["dangling"] = []string{"false"}
		}
		space, err := a.prune(ctx, p, wanted)
		if err != nil {
			return err
		}
		total += space
	}
	fmt.Fprintln(a.Out, "Total reclaimed space:", units.HumanSize(float64(total)))
	return nil
}
