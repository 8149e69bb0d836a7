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
	{"run", (*App).runCommand}, {"create", (*App).createCommand}, {"start", (*App).startCommand},
	{"attach", (*App).attachCommand}, {"exec", (*App).execCommand}, {"ps", (*App).psCommand},
	{"inspect", (*App).inspectCommand}, {"logs", (*App).logsCommand}, {"stop", (*App).stopCommand},
	{"kill", (*App).killCommand}, {"wait", (*App).waitCommand}, {"rm", (*App).rmCommand},
	{"images", (*App).imagesCommand}, {"pull", (*App).pullCommand}, {"push", (*App).pushCommand},
	{"tag", (*App).tagCommand}, {"rmi", (*App).rmiCommand}, {"load", (*App).loadCommand},
	{"save", (*App).saveCommand}, {"import", (*App).importCommand}, {"build", (*App).buildCommand},
	{"version", (*App).versionCommand}, {"info", (*App).infoCommand},
}

// addVerbs builds the verb that args ask for, or all of them.
func (a *App) addVerbs(root *cobra.Command, args []string) {
	wanted := firstWord(args)
	for _, v := range verbs {
		if v.name == wanted {
			root.AddCommand(v.make(a))
			return
		}
	}
	for _, v := range verbs {
		root.AddCommand(v.make(a))
	}
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
