package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/moby/moby/api/types/registry"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"drydock/05-registry/auth"
)

func (a *App) loginCommand() *cobra.Command {
	var user, password string
	var stdin bool
	cmd := &cobra.Command{
		Use:                   "login [OPTIONS] [SERVER]",
		Short:                 "Authenticate to a registry",
		Args:                  atMost(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			cred := registry.AuthConfig{Username: user, Password: password, ServerAddress: server(args)}
			switch {
			case stdin && password != "":
				return errors.New("conflicting options: cannot specify both --password and --password-stdin")
			case stdin && user == "":
				return errors.New("the --password-stdin option requires --username to be set")
			case stdin:
				cred.Password, err = firstLine(a.In)
			case password != "":
				fmt.Fprintln(a.Err, "WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
			}
			if err == nil {
				err = a.ask(&cred)
			}
			if err != nil {
				return err
			}
			return a.login(cmd, cred)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&user, "username", "u", "", "Username")
	f.StringVarP(&password, "password", "p", "", "Password or Personal Access Token (PAT)")
	f.BoolVar(&stdin, "password-stdin", false, "Take the Password or Personal Access Token (PAT) from stdin")
	return cmd
}

// server is the registry that is meant; none is Docker Hub.
func server(args []string) string {
	if len(args) == 0 {
		return auth.HubKey
	}
	host := strings.TrimPrefix(strings.TrimPrefix(args[0], "https://"), "http://")
	host, _, _ = strings.Cut(host, "/")
	return auth.Key(host)
}

// firstLine reads a password: all of in, without the newline at its end.
func firstLine(in io.Reader) (string, error) {
	b, err := io.ReadAll(in)
	return strings.TrimRight(string(b), "\r\n"), err
}

// ask fills in at the terminal what the flags did not say.
func (a *App) ask(cred *registry.AuthConfig) error {
	if cred.Username != "" && cred.Password != "" {
		return nil
	}
	if !isTerminal(a.In) {
		return errors.New("Error: Cannot perform an interactive login from a non TTY device")
	}
	if cred.Username == "" {
		fmt.Fprint(a.Out, "Username: ")
		if _, err := fmt.Fscanln(a.In, &cred.Username); err != nil {
			return errors.New("Error: username is required")
		}
	}
	if cred.Password != "" {
		return nil
	}
	fmt.Fprint(a.Out, "Password: ")
	b, err := term.ReadPassword(int(a.In.Fd()))
	fmt.Fprintln(a.Out)
	cred.Password = string(b)
	if err == nil && cred.Password == "" {
		err = errors.New("Error: password is required")
	}
	return err
}

// login keeps the credentials once the registry has accepted them.
func (a *App) login(cmd *cobra.Command, cred registry.AuthConfig) error {
	answer, err := a.client.Login(cmd.Context(), cred)
	if err != nil {
		return err
	}
	config, err := auth.Load(auth.Path())
	if err != nil {
		return err
	}
	keep := auth.Credentials{Username: cred.Username, Password: cred.Password, IdentityToken: answer.IdentityToken}
	if err := config.Put(cred.ServerAddress, keep); err != nil {
		return fmt.Errorf("error saving credentials: %w", err)
	}
	fmt.Fprintln(a.Out, orDefault(answer.Status, "Login Succeeded"))
	return nil
}

func (a *App) logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:                   "logout [SERVER]",
		Short:                 "Log out from a registry",
		Args:                  atMost(1),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			host := server(args)
			fmt.Fprintln(a.Out, "Removing login credentials for", host)
			config, err := auth.Load(auth.Path())
			if err != nil {
				return err
			}
			if err := config.Delete(host); err != nil {
				return fmt.Errorf("could not erase credentials: %w", err)
			}
			return nil
		},
	}
}
