package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"github.com/docker/go-units"
	"github.com/moby/moby/api/types/system"
	"github.com/spf13/cobra"
)

// version is the client's own; api is the newest API that it speaks.
const (
	version = "0.1.0"
	api     = "1.51"
)

// versions are both sides, as templates see them.
type versions struct {
	Client struct {
		Version    string
		APIVersion string `json:"ApiVersion"`
		GoVersion  string
		Os, Arch   string
	}
	Server *system.VersionResponse
}

func (a *App) versionCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:                   "version [OPTIONS]",
		Short:                 "Show the Drydock version information",
		Args:                  exactly(0),
		DisableFlagsInUseLine: true,
		RunE:                  func(cmd *cobra.Command, args []string) error { return a.version(cmd.Context(), format) },
	}
	cmd.Flags().StringVarP(&format, "format", "f", "", "Format output using a custom template")
	return cmd
}

func (a *App) version(ctx context.Context, format string) error {
	var v versions
	v.Client.Version, v.Client.APIVersion = version, api
	v.Client.GoVersion, v.Client.Os, v.Client.Arch = runtime.Version(), runtime.GOOS, runtime.GOARCH
	server, err := a.client.Version(ctx)
	if err == nil {
		v.Server = &server
	}
	if format != "" {
		return errors.Join(a.printOne(format, v), err)
	}
	fmt.Fprintf(a.Out, "Client: Drydock\n Version:           %s\n API version:       %s\n Go version:        %s\n OS/Arch:           %s/%s\n",
		v.Client.Version, v.Client.APIVersion, v.Client.GoVersion, v.Client.Os, v.Client.Arch)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "\nServer: %s\n Engine:\n  Version:          %s\n  API version:      %s (minimum version %s)\n  Go version:       %s\n  OS/Arch:          %s/%s\n  Kernel:           %s\n",
		server.Platform.Name, server.Version, server.APIVersion, server.MinAPIVersion, server.GoVersion, server.Os, server.Arch, server.KernelVersion)
	return nil
}

func (a *App) infoCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:                   "info [OPTIONS]",
		Short:                 "Display system-wide information",
		Args:                  exactly(0),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			info, err := a.client.Info(cmd.Context())
			if err != nil {
				return err
			}
			if format != "" {
				return a.printOne(format, info)
			}
			a.printInfo(info)
			return nil
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "", "Format output using a custom template")
	return cmd
}

// printInfo is docker's layout of the same facts.
func (a *App) printInfo(i system.Info) {
	p := func(format string, args ...any) { fmt.Fprintf(a.Out, format+"\n", args...) }
	p("Client: Drydock\n Version:    %s\n", version)
	p("Server:")
	p(" Containers: %d\n  Running: %d\n  Paused: %d\n  Stopped: %d", i.Containers, i.ContainersRunning, i.ContainersPaused, i.ContainersStopped)
	p(" Images: %d\n Server Version: %s\n Storage Driver: %s", i.Images, i.ServerVersion, i.Driver)
	for _, pair := range i.DriverStatus {
		p("  %s: %s", pair[0], pair[1])
	}
	p(" Logging Driver: %s\n Cgroup Driver: %s\n Cgroup Version: %s", i.LoggingDriver, i.CgroupDriver, i.CgroupVersion)
	p(" Plugins:\n  Volume: %s\n  Network: %s\n  Log: %s", strings.Join(i.Plugins.Volume, " "), strings.Join(i.Plugins.Network, " "), strings.Join(i.Plugins.Log, " "))
	p(" Swarm: %s\n Runtimes: %s\n Default Runtime: %s\n Security Options:", i.Swarm.LocalNodeState,
		strings.Join(slices.Sorted(maps.Keys(i.Runtimes)), " "), i.DefaultRuntime)
	for _, option := range i.SecurityOptions {
		for field := range strings.SplitSeq(option, ",") {
			if name, ok := strings.CutPrefix(field, "name="); ok {
				p("  %s", name)
			} else if key, value, ok := strings.Cut(field, "="); ok {
				p("   %s: %s", strings.ToUpper(key[:1])+key[1:], value)
			}
		}
	}
	p(" Kernel Version: %s\n Operating System: %s\n OSType: %s\n Architecture: %s", i.KernelVersion, i.OperatingSystem, i.OSType, i.Architecture)
	p(" CPUs: %d\n Total Memory: %s\n Name: %s\n ID: %s\n Docker Root Dir: %s", i.NCPU, units.BytesSize(float64(i.MemTotal)), i.Name, i.ID, i.DockerRootDir)
	a.printState(i)
	for _, warning := range i.Warnings {
		fmt.Fprintln(a.Err, warning)
	}
}

// printState is what changes while the engine runs, and whom it trusts.
func (a *App) printState(i system.Info) {
	p := func(format string, args ...any) { fmt.Fprintf(a.Out, format+"\n", args...) }
	p(" Debug Mode: %t", i.Debug)
	if i.Debug {
		p("  File Descriptors: %d\n  Goroutines: %d\n  System Time: %s\n  EventsListeners: %d", i.NFd, i.NGoroutines, i.SystemTime, i.NEventsListener)
	}
	p(" Experimental: %t", i.ExperimentalBuild)
	if r := i.RegistryConfig; r != nil {
		p(" Insecure Registries:")
		for _, host := range slices.Sorted(maps.Keys(r.IndexConfigs)) {
			if !r.IndexConfigs[host].Secure {
				p("  %s", host)
			}
		}
		for _, network := range r.InsecureRegistryCIDRs {
			p("  %s", network)
		}
		if len(r.Mirrors) > 0 {
			p(" Registry Mirrors:\n  %s", strings.Join(r.Mirrors, "\n  "))
		}
	}
	p(" Live Restore Enabled: %t\n", i.LiveRestoreEnabled)
}
