// Package serve is the program drydockd: flags and configuration file in
// dockerd's words, sockets, signals, and an engine behind them.
package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// Options are what dockerd's flags and daemon.json say; the names in the file
// are the tags. The defaults differ from Docker's only where both would claim
// the same socket, directory or bridge.
type Options struct {
	Hosts              []string `json:"hosts"`
	DataRoot           string   `json:"data-root"`
	ExecRoot           string   `json:"exec-root"`
	Pidfile            string   `json:"pidfile"`
	Group              string   `json:"group"`
	LogLevel           string   `json:"log-level"`
	Debug              bool     `json:"debug"`
	BIP                string   `json:"bip"`
	Bridge             string   `json:"bridge"`
	CgroupParent       string   `json:"cgroup-parent"`
	InsecureRegistries []string `json:"insecure-registries"`
	RegistryMirrors    []string `json:"registry-mirrors"`
	LiveRestore        bool     `json:"live-restore"`
	TLSVerify          bool     `json:"tlsverify"`
	TLSCACert          string   `json:"tlscacert"`
	TLSCert            string   `json:"tlscert"`
	TLSKey             string   `json:"tlskey"`

	ConfigFile string `json:"-"`
	Version    bool   `json:"-"`
}

// defaultGroup may open the socket.
const defaultGroup = "docker"

// singular maps a flag to the name that the file uses for its list.
var singular = map[string]string{
	"host":              "hosts",
	"insecure-registry": "insecure-registries",
	"registry-mirror":   "registry-mirrors",
}

// Parse reads the command line (without the program's name), then the
// configuration file, and checks both. A directive given in both places is an
// error, as in dockerd. The error of --help is pflag.ErrHelp.
func Parse(args []string) (Options, error) {
	var o Options
	flags := o.flags()
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("drydockd accepts no arguments, got %q", flags.Args())
	}
	if err := o.readFile(flags); err != nil {
		return o, err
	}
	if len(o.Hosts) == 0 {
		o.Hosts = []string{"unix:///run/drydock.sock"}
	}
	if o.Pidfile == "" {
		o.Pidfile = o.ExecRoot + "/drydockd.pid"
	}
	return o, o.check()
}

// flags declares dockerd's flags on o.
func (o *Options) flags() *pflag.FlagSet {
	f := pflag.NewFlagSet("drydockd", pflag.ContinueOnError)
	f.SetOutput(os.Stdout) // --help is what was asked for
	f.StringArrayVarP(&o.Hosts, "host", "H", nil, "Daemon socket(s) to connect to: unix://PATH or tcp://ADDRESS:PORT (default unix:///run/drydock.sock)")
	f.StringVar(&o.DataRoot, "data-root", "/var/lib/drydock", "Root directory of persistent state")
	f.StringVar(&o.ExecRoot, "exec-root", "/run/drydock", "Root directory for execution state files")
	f.StringVarP(&o.Pidfile, "pidfile", "p", "", "Path to use for daemon PID file (default EXEC-ROOT/drydockd.pid)")
	f.StringVarP(&o.Group, "group", "G", defaultGroup, "Group for the unix socket")
	f.StringVar(&o.ConfigFile, "config-file", "/etc/drydock/daemon.json", "Daemon configuration file")
	f.StringVarP(&o.LogLevel, "log-level", "l", "info", `Set the logging level ("debug"|"info"|"warn"|"error"|"fatal")`)
	f.BoolVarP(&o.Debug, "debug", "D", false, "Enable debug mode")
	f.StringVar(&o.BIP, "bip", "", "IPv4 address for the default bridge, like 172.18.0.1/16")
	f.StringVarP(&o.Bridge, "bridge", "b", "drydock0", `Name of the default bridge ("none" disables it)`)
	f.StringVar(&o.CgroupParent, "cgroup-parent", "drydock", "Parent cgroup of all containers")
	f.StringSliceVar(&o.InsecureRegistries, "insecure-registry", nil, "Enable insecure registry communication")
	f.StringSliceVar(&o.RegistryMirrors, "registry-mirror", nil, "Preferred registry mirror")
	f.BoolVar(&o.LiveRestore, "live-restore", false, "Keep containers alive when the daemon is stopped")
	f.BoolVar(&o.TLSVerify, "tlsverify", false, "Use TLS and verify the remote")
	f.StringVar(&o.TLSCACert, "tlscacert", "/etc/drydock/ca.pem", "Trust certs signed only by this CA")
	f.StringVar(&o.TLSCert, "tlscert", "/etc/drydock/cert.pem", "Path to TLS certificate file")
	f.StringVar(&o.TLSKey, "tlskey", "/etc/drydock/key.pem", "Path to TLS key file")
	f.BoolVarP(&o.Version, "version", "v", false, "Print version information and quit")
	return f
}

// readFile lays the configuration file over the defaults. The file may be
// missing unless it was asked for by name.
func (o *Options) readFile(flags *pflag.FlagSet) error {
	b, err := os.ReadFile(o.ConfigFile)
	if errors.Is(err, fs.ErrNotExist) && !flags.Changed("config-file") {
		return nil
	}
	if err != nil {
		return fmt.Errorf("unable to configure the daemon with file %s: %w", o.ConfigFile, err)
	}
	if len(bytes.TrimSpace(b)) == 0 {
		return nil
	}
	if err := o.merge(b, flags); err != nil {
		return fmt.Errorf("unable to configure the daemon with file %s: %w", o.ConfigFile, err)
	}
	return nil
}

// merge decodes the file's bytes into o, refusing what it does not know and
// what a flag has said already.
func (o *Options) merge(b []byte, flags *pflag.FlagSet) error {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(b, &given); err != nil {
		return err
	}
	if names := unknown(given, flags); len(names) > 0 {
		return fmt.Errorf("the following directives don't match any configuration option: %s", strings.Join(names, ", "))
	}
	if twice := conflicts(given, flags); len(twice) > 0 {
		return fmt.Errorf("the following directives are specified both as a flag and in the configuration file: %s", strings.Join(twice, ", "))
	}
	return json.Unmarshal(b, o)
}

// conflicts are the directives that a flag has given too.
func conflicts(given map[string]json.RawMessage, flags *pflag.FlagSet) (twice []string) {
	flags.Visit(func(f *pflag.Flag) {
		name := directive(f.Name)
		if raw, ok := given[name]; ok {
			twice = append(twice, fmt.Sprintf("%s: (from flag: %s, from file: %s)", name, f.Value, raw))
		}
	})
	return twice
}

// unknown are the directives that no flag stands for.
func unknown(given map[string]json.RawMessage, flags *pflag.FlagSet) (names []string) {
	known := map[string]bool{}
	flags.VisitAll(func(f *pflag.Flag) { known[directive(f.Name)] = f.Name != "config-file" && f.Name != "version" })
	for name := range given {
		if !known[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// directive is what the file calls the flag of that name.
func directive(flag string) string {
	if plural, ok := singular[flag]; ok {
		return plural
	}
	return flag
}

// check refuses values that could only fail later.
func (o *Options) check() error {
	if !slices.Contains([]string{"debug", "info", "warn", "error", "fatal"}, o.LogLevel) {
		return fmt.Errorf("invalid logging level: %s", o.LogLevel)
	}
	if o.BIP != "" {
		if _, err := netip.ParsePrefix(o.BIP); err != nil {
			return fmt.Errorf("invalid --bip %q: an address with its prefix length is expected, like 172.18.0.1/16", o.BIP)
		}
		if o.Bridge == "none" {
			return errors.New("conflicting options: --bridge none has no address for --bip")
		}
	}
	for _, dir := range []*string{&o.DataRoot, &o.ExecRoot} {
		if !filepath.IsAbs(*dir) {
			return fmt.Errorf("%s is not an absolute path", *dir)
		}
		*dir = filepath.Clean(*dir)
	}
	for _, host := range o.Hosts {
		if _, _, err := splitHost(host); err != nil {
			return err
		}
	}
	return nil
}
