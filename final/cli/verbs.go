package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// A verb is a name on the command line and how its command is made.
type verb struct {
	name string
	make func(*App) *cobra.Command
}

// verbs are those that stand alone.
var verbs = []verb{
	{"run", (*App).runCommand}, {"exec", (*App).execCommand}, {"ps", (*App).psCommand},
	{"build", (*App).buildCommand}, {"pull", (*App).pullCommand}, {"push", (*App).pushCommand},
	{"images", (*App).imagesCommand}, {"version", (*App).versionCommand}, {"info", (*App).infoCommand},
	{"login", (*App).loginCommand}, {"logout", (*App).logoutCommand},
	{"attach", (*App).attachCommand}, {"commit", (*App).commitCommand}, {"create", (*App).createCommand},
	{"diff", (*App).diffCommand}, {"events", (*App).eventsCommand}, {"export", (*App).exportCommand},
	{"history", (*App).historyCommand}, {"import", (*App).importCommand}, {"inspect", (*App).inspectCommand},
	{"kill", (*App).killCommand}, {"load", (*App).loadCommand}, {"logs", (*App).logsCommand},
	{"pause", (*App).pauseCommand}, {"port", (*App).portCommand}, {"rename", (*App).renameCommand},
	{"restart", (*App).restartCommand}, {"rm", (*App).rmCommand}, {"rmi", (*App).rmiCommand},
	{"save", (*App).saveCommand}, {"start", (*App).startCommand}, {"stats", (*App).statsCommand},
	{"stop", (*App).stopCommand}, {"tag", (*App).tagCommand}, {"top", (*App).topCommand},
	{"unpause", (*App).unpauseCommand}, {"wait", (*App).waitCommand},
}

// A group is a word before a verb: container, image, network, volume, system.
type group struct {
	name, short string
	verbs       []verb
}

var groups = []group{
	{"container", "Manage containers", []verb{
		{"attach", (*App).attachCommand}, {"commit", (*App).commitCommand}, {"create", (*App).createCommand},
		{"diff", (*App).diffCommand}, {"exec", (*App).execCommand}, {"export", (*App).exportCommand},
		{"inspect", inspectOf("container")}, {"kill", (*App).killCommand}, {"logs", (*App).logsCommand},
		{"ls", (*App).psCommand}, {"pause", (*App).pauseCommand}, {"port", (*App).portCommand},
		{"prune", pruneContainers.command}, {"rename", (*App).renameCommand}, {"restart", (*App).restartCommand}, {"rm", (*App).rmCommand},
		{"run", (*App).runCommand}, {"start", (*App).startCommand}, {"stats", (*App).statsCommand},
		{"stop", (*App).stopCommand}, {"top", (*App).topCommand}, {"unpause", (*App).unpauseCommand},
		{"wait", (*App).waitCommand},
	}},
	{"image", "Manage images", []verb{
		{"build", (*App).buildCommand}, {"history", (*App).historyCommand}, {"import", (*App).importCommand},
		{"inspect", inspectOf("image")}, {"load", (*App).loadCommand}, {"ls", (*App).imagesCommand},
		{"prune", pruneImages.command}, {"pull", (*App).pullCommand}, {"push", (*App).pushCommand},
		{"rm", (*App).rmiCommand},
		{"save", (*App).saveCommand}, {"tag", (*App).tagCommand},
	}},
	{"network", "Manage networks", []verb{
		{"connect", (*App).networkConnectCommand}, {"create", (*App).networkCreateCommand},
		{"disconnect", (*App).networkDisconnectCommand}, {"inspect", inspectOf("network")},
		{"ls", (*App).networkLsCommand}, {"prune", pruneNetworks.command}, {"rm", (*App).networkRmCommand},
	}},
	{"volume", "Manage volumes", []verb{
		{"create", (*App).volumeCreateCommand}, {"inspect", inspectOf("volume")},
		{"ls", (*App).volumeLsCommand}, {"prune", pruneVolumes.command}, {"rm", (*App).volumeRmCommand},
	}},
	{"system", "Manage the engine", []verb{
		{"events", (*App).eventsCommand}, {"info", (*App).infoCommand}, {"prune", (*App).systemPruneCommand},
	}},
}

// addVerbs builds the verb or the group that args ask for, or all of them.
func (a *App) addVerbs(root *cobra.Command, args []string) {
	wanted := firstWord(args)
	known := false
	for _, v := range verbs {
		known = known || v.name == wanted
	}
	for _, g := range groups {
		known = known || g.name == wanted
	}
	for _, v := range verbs {
		if !known || v.name == wanted {
			root.AddCommand(v.make(a))
		}
	}
	for _, g := range groups {
		if !known || g.name == wanted {
			root.AddCommand(g.command(a))
		}
	}
}

// command is the group with all its verbs, by the names that they have in it.
func (g group) command(a *App) *cobra.Command {
	cmd := &cobra.Command{
		Use:                   g.name + " COMMAND",
		Short:                 g.short,
		DisableFlagsInUseLine: true,
		Args:                  noVerb,
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SetOut(a.Err)
			return cmd.Help()
		},
	}
	for _, v := range g.verbs {
		sub := v.make(a)
		sub.Use = v.name + strings.TrimPrefix(sub.Use, sub.Name())
		cmd.AddCommand(sub)
	}
	return cmd
}

// firstWord is the first of args that is neither a flag nor a flag's value.
func firstWord(args []string) string {
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "-H" || args[i] == "--host":
			i++
		case !strings.HasPrefix(args[i], "-"):
			return args[i]
		}
	}
	return ""
}
